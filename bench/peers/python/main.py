"""The pipeline on FastAPI, asyncpg and aiokafka: `python main.py api`, `python main.py worker`."""

import asyncio
import os
import sys
import uuid
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from fastapi import FastAPI, Response
from pydantic import BaseModel

ROLE = sys.argv[1]
TOPIC = os.environ["TOPIC"]
BROKERS = os.environ["KAFKA_BROKERS"]
FINISH = """update thoughts set result = $2, finished_at = clock_timestamp()
    where id = any($1::uuid[]) and finished_at is null"""


class Given(BaseModel):
    user_id: str
    text: str


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], max_size=10)
    if ROLE == "api":
        producer = app.state.producer = AIOKafkaProducer(bootstrap_servers=BROKERS, acks="all", linger_ms=2)
        await producer.start()
        yield
        await producer.stop()
    else:
        consumer = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=BROKERS, group_id=TOPIC, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        working = asyncio.create_task(work(consumer, app.state.pool))
        yield
        working.cancel()
        await consumer.stop()
    await app.state.pool.close()


async def work(consumer: AIOKafkaConsumer, pool: asyncpg.Pool):
    while True:
        parts = await consumer.getmany(timeout_ms=200, max_records=500)
        ids = [message.value.decode() for messages in parts.values() for message in messages]
        if ids:
            await pool.execute(FINISH, ids, '{"summary":""}')
            await consumer.commit()


app = FastAPI(lifespan=lifespan)


@app.get("/health/ready")
async def ready():
    return Response()


@app.post("/thoughts", status_code=201)
async def post(given: Given):
    thought = uuid.uuid4()
    await app.state.pool.execute(
        "insert into thoughts (id, user_id, text) values ($1, $2, $3)", thought, given.user_id, given.text
    )
    # Row and message are not one transaction: a thought whose message is not sent is stored and never analysed.
    await app.state.producer.send_and_wait(TOPIC, str(thought).encode())
    return {"id": str(thought)}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), loop="uvloop", http="httptools", log_level="error")
