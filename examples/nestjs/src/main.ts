import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module.js'

const PREFIX = 'api'

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule)
  app.setGlobalPrefix(PREFIX)
  app.enableShutdownHooks()
  await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
  console.log(`the server is at ${await app.getUrl()}/${PREFIX}`)
}

void main()
