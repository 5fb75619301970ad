-- Certificates: chains with their keys, the DNS names that they are shown for, and
-- the authorities that are trusted.

CREATE TABLE chains (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	purpose    TEXT NOT NULL, -- "server", "signing", "root", "issuing"
	origin     TEXT NOT NULL, -- "built-in", "imported", "request", "acme", "watched"
	certs      BYTEA,         -- PEM, the leaf first; NULL while an answer is awaited
	private    BYTEA NOT NULL, -- the key, sealed
	request    BYTEA,         -- what an authority is asked to sign
	config     TEXT NOT NULL, -- JSON, of its origin
	created_at BIGINT NOT NULL,
	tried_at   BIGINT NOT NULL, -- the last renewal
	trouble    TEXT NOT NULL,   -- why that did not work
	next_at    BIGINT NOT NULL, -- the next renewal, where it is not at two thirds of its life
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX chains_name ON chains (tenant, fold);

-- One name belongs to one tenant: it says whose world a client asks for.
CREATE TABLE domains (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	chain  TEXT NOT NULL, -- '' the one that the node makes by itself
	PRIMARY KEY (tenant, name)
);
CREATE UNIQUE INDEX domains_name ON domains (name);

CREATE TABLE trusted (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	purposes   TEXT NOT NULL,
	cert       BYTEA NOT NULL, -- DER
	created_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX trusted_name ON trusted (tenant, fold);

-- API tokens that end, and are signed.
ALTER TABLE tokens ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0; -- 0: it does not, and is opaque
