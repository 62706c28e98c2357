CREATE TABLE "feishu_streams" (
	"inbox_id" bigint NOT NULL,
	"stream" integer NOT NULL,
	"fallback" integer DEFAULT 0 NOT NULL,
	"card_id" text,
	"sending_at" timestamp with time zone,
	"message_id" text,
	"sequence" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "feishu_streams_inbox_id_stream_pk" PRIMARY KEY("inbox_id","stream")
);
--> statement-breakpoint
CREATE TABLE "feishu_uploads" (
	"inbox_id" bigint NOT NULL,
	"id" text NOT NULL,
	"chunk" integer NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "feishu_uploads_inbox_id_id_chunk_pk" PRIMARY KEY("inbox_id","id","chunk")
);
--> statement-breakpoint
ALTER TABLE "feishu_outbox" ADD COLUMN "delivery" jsonb;