-- People from directories: where they come from, groups, what these may do, and
-- what stands in for a directory that is away.

ALTER TABLE users ADD COLUMN blocked BIGINT NOT NULL DEFAULT 0;        -- by an administrator here, whatever the source says
ALTER TABLE users ADD COLUMN until_at BIGINT NOT NULL DEFAULT 0;       -- the account ends
ALTER TABLE users ADD COLUMN removed_at BIGINT NOT NULL DEFAULT 0;     -- gone from its source; inactive until it is forgotten
ALTER TABLE users ADD COLUMN password_until BIGINT NOT NULL DEFAULT 0; -- the verifier of a directory's password ends
ALTER TABLE users ADD COLUMN sponsor TEXT NOT NULL DEFAULT '';         -- who answers for a guest
CREATE INDEX users_until ON users (tenant, until_at) WHERE until_at > 0;
CREATE INDEX users_password_until ON users (tenant, password_until) WHERE password_until > 0;
CREATE INDEX users_removed ON users (tenant, removed_at) WHERE removed_at > 0;

-- '' is what was entered here; else the id of the source that said so.
ALTER TABLE cards ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE aliases ADD COLUMN source TEXT NOT NULL DEFAULT '';
DROP INDEX aliases_user;
CREATE INDEX aliases_of ON aliases (tenant, user_id, source); -- with all columns, else the key is searched instead
CREATE INDEX cards_raw ON cards (tenant, raw) WHERE raw IS NOT NULL;

CREATE TABLE sources (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	kind     TEXT NOT NULL,
	config   TEXT NOT NULL, -- JSON, of its kind
	enabled  BIGINT NOT NULL,
	every    BIGINT NOT NULL, -- between two looks at what has changed
	rule     TEXT NOT NULL,   -- brings its card numbers to the form that readers send
	standing BYTEA,           -- where its changes stand: a cursor that it gave
	full_at  BIGINT NOT NULL, -- the last time that everybody was compared
	good_at  BIGINT NOT NULL, -- the last time that it answered
	report   TEXT NOT NULL,   -- JSON, of the last run
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX sources_name ON sources (tenant, fold);

-- What a source calls its people and groups, and what was last said of each.
CREATE TABLE source_entries (
	tenant     TEXT NOT NULL,
	source     TEXT NOT NULL,
	entry      TEXT NOT NULL, -- the key that it has there for life
	kind       TEXT NOT NULL, -- "user", "group"
	target     TEXT NOT NULL, -- the user or group that it is here
	base       TEXT NOT NULL,
	digest     BYTEA NOT NULL,
	missing_at BIGINT NOT NULL, -- it was not there, and somebody has to say whether to believe that
	gone_at    BIGINT NOT NULL,
	PRIMARY KEY (tenant, source, entry)
);
CREATE INDEX source_entries_missing ON source_entries (tenant, source, missing_at) WHERE missing_at > 0;
CREATE INDEX source_entries_target ON source_entries (tenant, target);

CREATE TABLE groups (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	fold       TEXT NOT NULL,
	source     TEXT NOT NULL, -- '' made here
	created_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX groups_name ON groups (tenant, fold);

CREATE TABLE memberships (
	tenant   TEXT NOT NULL,
	group_id TEXT NOT NULL,
	member   TEXT NOT NULL, -- a user or a group
	nested   BIGINT NOT NULL,
	PRIMARY KEY (tenant, group_id, member)
) /* clustered */;
CREATE INDEX memberships_member ON memberships (tenant, member, nested); -- with all columns, as above

-- What a group, a person, all of a source, or everybody ('') may do, where.
CREATE TABLE rights (
	tenant       TEXT NOT NULL,
	holder       TEXT NOT NULL,
	may          TEXT NOT NULL,
	device_group TEXT NOT NULL, -- '' at every device
	queue        TEXT NOT NULL, -- '' of every queue
	amount       BIGINT NOT NULL,
	PRIMARY KEY (tenant, holder, may, device_group, queue)
) /* clustered */;

CREATE TABLE device_groups (
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	name   TEXT NOT NULL,
	fold   TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX device_groups_name ON device_groups (tenant, fold);

CREATE TABLE sites (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	location TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX sites_name ON sites (tenant, fold);

ALTER TABLE devices ADD COLUMN site TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN device_groups TEXT NOT NULL DEFAULT ''; -- ids
ALTER TABLE terminals ADD COLUMN rule TEXT NOT NULL DEFAULT '';        -- what its reader sends to a card's number
ALTER TABLE queues ADD COLUMN owner TEXT NOT NULL DEFAULT '{}';        -- JSON, site.OwnerRules

ALTER TABLE jobs ADD COLUMN mono BIGINT NOT NULL DEFAULT 0;            -- option of its release: without colour
ALTER TABLE jobs ADD COLUMN released_by TEXT NOT NULL DEFAULT '';      -- login of whoever released it for its owner, '' the owner

-- What everybody may do until somebody says otherwise.
INSERT INTO rights (tenant, holder, may, device_group, queue, amount) SELECT id, '', 'colour', '', '', 0 FROM tenants;
INSERT INTO rights (tenant, holder, may, device_group, queue, amount) SELECT id, '', 'copy', '', '', 0 FROM tenants;
INSERT INTO rights (tenant, holder, may, device_group, queue, amount) SELECT id, '', 'scan', '', '', 0 FROM tenants;
INSERT INTO rights (tenant, holder, may, device_group, queue, amount) SELECT id, '', 'fax', '', '', 0 FROM tenants;

ALTER TABLE tokens ADD COLUMN source TEXT NOT NULL DEFAULT '';         -- of a machine that brings the people of this source

-- Readers that are not part of a device's panel.
CREATE TABLE readers (
	tenant   TEXT NOT NULL,
	id       TEXT NOT NULL,
	name     TEXT NOT NULL,
	fold     TEXT NOT NULL,
	terminal TEXT NOT NULL,
	kind     TEXT NOT NULL,
	config   TEXT NOT NULL, -- JSON, of its kind
	rule     TEXT NOT NULL,
	enabled  BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX readers_name ON readers (tenant, fold);

-- Codes that work once.
CREATE TABLE codes (
	tenant     TEXT NOT NULL,
	digest     BYTEA NOT NULL,
	user_id    TEXT NOT NULL,
	purpose    TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, digest)
);
CREATE INDEX codes_user ON codes (tenant, user_id);
CREATE INDEX codes_over ON codes (tenant, expires_at);

-- Who may release whose documents, with that person's consent.
CREATE TABLE delegations (
	tenant     TEXT NOT NULL,
	id         TEXT NOT NULL,
	owner      TEXT NOT NULL,
	delegate   TEXT NOT NULL, -- a user or a group
	made_by    TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	consent_at BIGINT NOT NULL, -- 0: not asked, or not given
	consent    TEXT NOT NULL,   -- how it was given
	until_at   BIGINT NOT NULL,
	titles     BIGINT NOT NULL, -- delegates read the titles
	deletes    BIGINT NOT NULL, -- delegates may delete what waits
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX delegations_pair ON delegations (tenant, owner, delegate);
CREATE INDEX delegations_delegate ON delegations (tenant, delegate);
CREATE INDEX delegations_until ON delegations (tenant, until_at) WHERE until_at > 0;

-- What people had to their credit in the system that was here before.
CREATE TABLE balances (
	tenant   TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	account  TEXT NOT NULL, -- '' the person's own
	amount   BIGINT NOT NULL, -- minor units
	currency TEXT NOT NULL,
	origin   TEXT NOT NULL, -- "papercut", ...
	at       BIGINT NOT NULL,
	PRIMARY KEY (tenant, user_id, account)
) /* clustered */;

-- Secrets that the node needs in clear to sign in somewhere, sealed.
CREATE TABLE vault (
	tenant TEXT NOT NULL,
	name   TEXT NOT NULL,
	value  BYTEA NOT NULL,
	PRIMARY KEY (tenant, name)
) /* clustered */;

-- People at browsers of their own.
CREATE TABLE web_sessions (
	tenant     TEXT NOT NULL,
	digest     BYTEA NOT NULL, -- keyed, of the token that the browser has
	id         TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	method     TEXT NOT NULL,   -- "password", "kerberos", "oidc", "setup"
	roles      TEXT NOT NULL,   -- of the claims that it began with, by name
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL, -- whatever its person does
	client     TEXT NOT NULL,   -- address that it began from
	hint       TEXT NOT NULL,   -- what the browser said it was
	PRIMARY KEY (tenant, digest)
);
CREATE INDEX web_sessions_user ON web_sessions (tenant, user_id);
CREATE INDEX web_sessions_over ON web_sessions (tenant, expires_at);

ALTER TABLE users ADD COLUMN subject TEXT NOT NULL DEFAULT ''; -- issuer and name at the provider that signs the person in
CREATE UNIQUE INDEX users_subject ON users (tenant, subject) WHERE subject <> '';
ALTER TABLE tokens ADD COLUMN rights TEXT NOT NULL DEFAULT '';  -- what a token of the administration API may do
