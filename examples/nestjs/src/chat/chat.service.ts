import { Injectable } from '@nestjs/common'

/** Stands for yours: a model, a search, a database. */
@Injectable()
export class ChatService {
  async answer(question: string): Promise<string> {
    return `You asked: ${question}`
  }
}
