// A program that uses the client of chat.go: it publishes each line that is typed, and prints what comes.
//
//	go mod init chat && go get github.com/gorilla/websocket
//	go run . ws://127.0.0.1:8000/api/chat-api/ws/general
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	mathrand "math/rand"
	"net/http"
	"os"
	"time"
)

func newID() string {
	b := make([]byte, 16)
	rand.Read(b)
	b[6], b[8] = b[6]&15|64, b[8]&63|128 // a UUID of version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func main() {
	mathrand.Seed(time.Now().UnixNano()) // for the jitter of chat.go; needed before Go 1.20 only
	quiet := 25 * time.Second
	if len(os.Args) > 2 {
		quiet, _ = time.ParseDuration(os.Args[2] + "s")
	}
	own := make(chan Frame)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			own <- Frame{"type": "chat", "id": newID(), "data": lines.Text()}
		}
	}()
	var header http.Header // a service without tokens needs none
	if token := os.Getenv("CHAT_TOKEN"); token != "" {
		header = http.Header{"Authorization": {"Bearer " + token}}
	}
	log.Fatal(Chat(os.Args[1], header, quiet, own, func(frame Frame) {
		line, _ := json.Marshal(frame)
		fmt.Println(string(line))
	}))
}
