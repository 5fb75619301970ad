-- API tokens that end, and are signed.

ALTER TABLE tokens ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0; -- 0: it does not, and is opaque
