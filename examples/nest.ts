/**
 * Chat as a service of Nest: other providers inject it to publish. The chat starts with the application, and stops before
 * the HTTP server closes.
 *
 *   npx tsx examples/nest.ts
 *   npx wscat -c ws://127.0.0.1:8080/api/chat-api/ws/orders
 *   curl -H 'Content-Type: application/json' -d '{"id":"o-17","total":42}' http://127.0.0.1:8080/orders
 *
 * Call `nest.close()` at SIGTERM and SIGINT. Do not use `enableShutdownHooks()`: it kills the process with the signal
 * again, so the exit code is not 0. The `WsAdapter` of Nest cuts every upgrade that no gateway has: beside such gateways
 * give the chat another server.
 */
import 'reflect-metadata';
import {
  type BeforeApplicationShutdown,
  Body,
  Controller,
  Get,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  Post,
} from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import type { Server } from 'node:http';
// in your own program: from 'chat-api'
import { type App, app, configOrThrow, type Published, type Stats } from '../lib/index.js';

/** What a caller sends: `{"id":"o-17","total":42}`. */
const idOf = (order: unknown): string | undefined =>
  typeof order === 'object' && order !== null && 'id' in order && typeof order.id === 'string'
    ? order.id
    : undefined;

/** What a caller is told when `publish` rejects: a status and a text. Nest answers other errors with 500. */
const refusalOf = (error: unknown): HttpException => {
  const text = error instanceof Error ? error.message : 'the order was not published';
  if (error instanceof TypeError) return new HttpException(text, 400);
  return new HttpException(text, text.startsWith('key:') ? 409 : 503);
};

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

  async order(order: unknown, key: string): Promise<Published> {
    if (this.chat === undefined) throw new HttpException('the chat has not started', 503);
    const sent = await this.chat.publish({ room: 'orders', data: order, key }).catch(refusalOf);
    if ('id' in sent) return sent;
    throw sent;
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

  @Post('orders')
  @HttpCode(202)
  order(@Body() order: unknown): Promise<Published> {
    const key = idOf(order);
    if (key === undefined) throw new HttpException('id: give the order an id', 400);
    // a caller that sends the order again gets the same id, with `duplicate` true; members get one message
    return this.chat.order(order, key);
  }
}

@Module({ controllers: [Pages], providers: [Chat] })
class Service {}

const nest = await NestFactory.create(Service);
await nest.listen(Number(process.env['PORT'] ?? 8080), '127.0.0.1');
console.log(`listening on port ${new URL(await nest.getUrl()).port}`);

const stop = (): void => void nest.close();
process.once('SIGTERM', stop).once('SIGINT', stop);
