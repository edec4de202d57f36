// A client of one room and the global log, made from docs/protocol.md; the numbers in comments are its sections. It
// reconnects and resumes, shows each message once and each gap, and sends again what was not answered. See main.go.
package main

import (
	"fmt"
	"github.com/gorilla/websocket"
	"math/rand"
	"net/http"
	"strconv"
	"time"
)

type Frame = map[string]any // a message (3), or its data

// The client ends after these statuses of handshakes (1.2) and close codes (7), and after all codes from 4500 on.
var final = map[int]bool{400: true, 401: true, 403: true, 404: true, 405: true, 426: true,
	1000: true, 1002: true, 1003: true, 1007: true, 1008: true, 1009: true}

// Chat takes messages from `own`, each a `chat` with a UUID (14), and sends each until it is answered. `show` gets answers too (5, 6).
func Chat(url string, header http.Header, quiet time.Duration, own <-chan Frame, show func(Frame)) error {
	last, pending, again := [2]string{}, []Frame{}, make(chan any) // the last ids of both logs; what has no answer
	seen, recent, shown := map[any]bool{}, [10_000]any{}, 0        // ids; the last of them, in a ring
	for failures := 0; ; failures += (11 - failures) / 6 {         // up to 6
		code, after := 1006, ""
		conn, response, err := websocket.DefaultDialer.Dial(url+"?last_id="+last[0]+","+last[1], header)
		if err != nil && response != nil {
			code, after = response.StatusCode, response.Header.Get("Retry-After")
		}
		frames, ping, held := make(chan Frame), time.NewTicker(quiet), time.After(10*time.Second)
		if err == nil {
			conn.SetCloseHandler(func(got int, _ string) error { code = got; return nil })
			conn.SetReadDeadline(time.Now().Add(quiet)) // 8: for the first frame; after each frame, read sets 35 s
			go read(conn, quiet*7/5, frames)
		}
		for sent, open := map[any]bool{}, err == nil; open; {
			var frame Frame
			select {
			case frame, open = <-frames:
				ping.Reset(quiet)
			case message := <-own:
				pending = append(pending, message)
			case id := <-again:
				delete(sent, id)
			case <-ping.C: // 8
				conn.WriteJSON(Frame{"type": "ping"})
			case <-held:
				failures = 0
			}
			data, _ := map[any]any{"system": frame["data"], "error": frame["data"]}[frame["type"]].(Frame) // 5, 6
			if id, _ := frame["id"].(string); id != "" && data["event"] != "left" {
				bits, _ := strconv.ParseUint(id[24:], 16, 64)
				last[bits>>21&1] = id // 3.2, 3.3: of any message
			}
			switch ref := data["ref"]; {
			case (frame["type"] == "chat" || frame["type"] == "notification") && !seen[frame["id"]]:
				delete(seen, recent[shown%len(recent)])
				seen[frame["id"]], recent[shown%len(recent)] = true, frame["id"]
				shown++
				show(frame)
			case data["event"] == "left": // the room cannot be opened now (5)
				conn.Close()
			case data["code"] == "rate_limited", data["code"] == "unavailable":
				time.AfterFunc(time.Second, func() { again <- ref })
			case data["event"] == "gap", data["event"] == "ack", data["code"] != nil:
				show(frame)
				for i := range pending {
					if pending[i]["id"] == ref {
						pending = append(pending[:i], pending[i+1:]...)
						break
					}
				}
			}
			for _, message := range pending {
				if !sent[message["id"]] && open {
					sent[message["id"]] = conn.WriteJSON(message) == nil
				}
			}
		}
		ping.Stop()
		if final[code] || code >= 4500 {
			return fmt.Errorf("refused: %d", code)
		}
		wait, err := time.ParseDuration(after + "s")
		if err != nil && code != 1001 { // 11
			wait = time.Duration(rand.Int63n(int64(30 * time.Second >> (6 - failures))))
		}
		time.Sleep(wait)
	}
}

func read(conn *websocket.Conn, limit time.Duration, frames chan<- Frame) {
	defer conn.Close()
	defer close(frames)
	for frame := (Frame{}); conn.ReadJSON(&frame) == nil; frame = (Frame{}) {
		conn.SetReadDeadline(time.Now().Add(limit))
		frames <- frame
	}
}
