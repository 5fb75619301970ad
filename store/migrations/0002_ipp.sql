-- Driverless printing: what queues and devices are in the words of IPP, the
-- other names of queues, and jobs whose documents are still to come.

ALTER TABLE queues ADD COLUMN ipp TEXT NOT NULL DEFAULT '{}';        -- JSON, site.IPP
ALTER TABLE devices ADD COLUMN profile TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN capabilities TEXT NOT NULL DEFAULT '{}'; -- JSON, what the device says of itself
ALTER TABLE devices ADD COLUMN state_reasons TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN spki TEXT NOT NULL DEFAULT '';        -- digest of the public key that it showed first
ALTER TABLE tokens ADD COLUMN kind TEXT NOT NULL DEFAULT '';         -- of an address to print to, or of the API

-- Other names that clients may print to.
CREATE TABLE queue_names (
	tenant TEXT NOT NULL,
	fold   TEXT NOT NULL,
	queue  TEXT NOT NULL,
	PRIMARY KEY (tenant, fold),
	FOREIGN KEY (tenant, queue) REFERENCES queues (tenant, id) ON DELETE CASCADE
) /* clustered */;
CREATE INDEX queue_names_queue ON queue_names (tenant, queue);

-- A client's own jobs, and those whose documents are still to come: few are
-- ever in the second.
CREATE INDEX jobs_sent ON jobs (tenant, client, claimed, id, state) WHERE door = 'ipp';
CREATE INDEX jobs_incoming ON jobs (tenant, id) WHERE state = 4 AND files = 0;
