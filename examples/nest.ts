/**
 * Chat as a service of Nest: other providers inject it to publish; it starts with the application and stops before the HTTP server closes.
 *
 *   npx tsx examples/nest.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/general
 *
 * `app.close()` at SIGTERM, not `enableShutdownHooks()`: that one kills the process with the signal again, so it does not exit with 0. Nest's
 * `WsAdapter` cuts every upgrade that is not a gateway's: with gateways of that kind give the chat another server.
 */
import 'reflect-metadata';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import type { Server } from 'node:http';
// in a program of your own: from 'chat-api'
import { type App, app, configOrThrow, type Stats } from '../lib/index.js';

@Injectable()
class Chat implements OnApplicationBootstrap, BeforeApplicationShutdown {
  @Inject(HttpAdapterHost) private readonly host!: HttpAdapterHost;
  private chat: App | undefined;

  async onApplicationBootstrap(): Promise<void> {
    const server = this.host.httpAdapter.getHttpServer() as Server;
    this.chat = app({ config: configOrThrow({}, process.env), server });
    await this.chat.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.chat?.stop();
  }

  stats(): Stats | undefined {
    return this.chat?.stats();
  }
}

@Controller()
class Pages {
  @Inject(Chat) private readonly chat!: Chat;

  @Get()
  page(): string {
    return 'the page that was always here\n';
  }

  @Get('chat-stats')
  stats(): Stats | undefined {
    return this.chat.stats();
  }
}

@Module({ controllers: [Pages], providers: [Chat] })
class Service {}

const nest = await NestFactory.create(Service);
await nest.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`listening on port ${new URL(await nest.getUrl()).port}`);

process.once('SIGTERM', () => void nest.close());
