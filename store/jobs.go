package store

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"platen/fault"
	"platen/job"
)

// Job returns a job with its documents and all names filled.
func (s Scope) Job(ctx context.Context, id int64) (job.Job, error) {
	const op = "store.Job"
	var j job.Job
	err := s.read(ctx, func(v view) (err error) {
		j, err = s.job(v, selectJob, id)
		return err
	})
	return j, explain(op, missing(err, op, "There is no job %d.", id))
}

// JobByUUID is Job by its job-uuid.
func (s Scope) JobByUUID(ctx context.Context, uuid string) (job.Job, error) {
	const op = "store.JobByUUID"
	var j job.Job
	err := s.read(ctx, func(v view) (err error) {
		j, err = s.job(v, selectJobByUUID, uuid)
		return err
	})
	return j, explain(op, missing(err, op, "There is no such job."))
}

// AddJob records a job that has arrived, with its documents and its history,
// and sets j.ID, unless that is one of NextJobID. The job is Held, or Pending at
// j.Device. When AddJob returns nil the job is durable and its client may be told
// so. A UUID that is there already is a Conflict.
func (s Scope) AddJob(ctx context.Context, j *job.Job, h []job.Entry) error {
	return s.addJob(ctx, "store.AddJob", "add", j, h)
}

// AdmitJob is AddJob for a job that may have no room, as how says. It sets
// j.Seen to the newest job of the owner since how.Since that has the same
// documents. With how.Redo it does not wait for the row, and sets neither.
func (s Scope) AdmitJob(ctx context.Context, j *job.Job, how job.Admission) error {
	if how.Redo {
		own := *j // the caller goes on with its own
		j = &own
	}
	admit := func(t tx) ([]job.Entry, error) {
		octets, jobs, err := t.usage(j.Owner)
		if err == nil {
			err = t.see(j, how.Since)
		}
		if err != nil {
			return nil, err
		}
		return how.Admit(j, octets, jobs)
	}
	c, err := s.adding("store.AdmitJob", j, admit)
	if err != nil {
		return explain("store.AdmitJob", err)
	}
	c.point, c.tenant = "add", s.tenant
	if how.Redo && s.tenant != "" && s.st.w != nil {
		return explain("store.AdmitJob", s.st.w.later(ctx, c))
	}
	return explain("store.AdmitJob", s.call(ctx, c))
}

func (s Scope) addJob(ctx context.Context, op, point string, j *job.Job, h []job.Entry) error {
	c, err := s.adding(op, j, func(tx) ([]job.Entry, error) { return h, nil })
	if err == nil {
		c.point = point
		err = s.call(ctx, c)
	}
	return explain(op, err)
}

// adding returns the call that adds a job.
func (s Scope) adding(op string, j *job.Job, admit func(tx) ([]job.Entry, error)) (*call, error) {
	if j.State != job.Held && (j.State != job.Pending || j.Device == "") {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Text: "A new job is held, or waits at a device.", Args: nil}
	}
	row, err := s.sealJob(j) // before the writer, which has no time for it
	given := j.ID
	return &call{fn: func(t tx) error {
		h, err := admit(t)
		if err != nil {
			return err
		}
		id := given
		if id == 0 {
			if id, err = s.st.number(t); err != nil {
				return err
			}
		}
		return t.insertJob(op, id, j, row, h)
	}}, err
}

// see looks for an earlier job with the same documents: all of them, and in the
// same one.
func (t tx) see(j *job.Job, since time.Time) error {
	j.Seen = 0
	if j.Unclaimed() {
		return nil
	}
	for i, d := range j.Documents {
		var id int64
		err := t.each(selectSeen, func(row scanner) error { return row.Scan(&id) }, d.Digest, d.Octets, j.Owner, since)
		if err != nil || id == 0 || i > 0 && id != j.Seen {
			j.Seen = 0
			return err
		}
		j.Seen = id
	}
	return nil
}

func (t tx) insertJob(op string, id int64, j *job.Job, row sealedJob, h []job.Entry) error {
	files, octets := spooled(j.Documents)
	n, err := t.exec(insertJob, id, j.UUID, int64(j.State), join(j.Reasons), j.Message, j.Queue, j.Owner, j.OwnerRule,
		j.Ticket.Claimed, row.ticket, row.personal, j.Origin.Door, j.Origin.Queue, j.Origin.User, address(j.Origin.Client),
		j.Priority, j.Device, j.NotBefore, j.Attempts, j.Crashes, j.Octets, files,
		j.Created, j.Released, j.Completed, j.ExpiresAt, j.Fence, j.Seen, j.Options.Copies, j.Options.Sides, j.Kept, j.Options.Mono)
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(op, "This job is already here.")
	}
	for i, d := range j.Documents {
		if err := t.insertDocument(id, d, row.names[i]); err != nil {
			return err
		}
	}
	if err := t.remember(id, h, 0); err != nil {
		return err
	}
	j.ID = id // a call that is rolled back leaves a number nobody uses
	return t.use(j.Owner, octets, 1)
}

func (t tx) insertDocument(id int64, d job.Document, name []byte) error {
	counted := d.Count.Method != "" || d.Count.Why != ""
	_, err := t.exec(insertDocument, id, d.Number, name, d.Octets, notNil(d.Digest), d.Language, d.Copies, d.File, counted,
		pages(d.Count), d.Count.Sides, d.Count.Colour, d.Count.Method, d.Count.Confidence, d.Count.Why)
	return err
}

// pages never stores a 0 that only means that nobody has counted.
func pages(c job.Count) int {
	if c.Method == "" {
		return job.Unknown
	}
	return c.Pages
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

// spooled returns how many of the documents are in the spool, and their octets.
func spooled(docs []job.Document) (files int, octets int64) {
	for _, d := range docs {
		if d.File != "" {
			files++
			octets += d.Octets
		}
	}
	return files, octets
}

// job reads one job. No row is sql.ErrNoRows.
func (s Scope) job(v view, q query, args ...any) (job.Job, error) {
	jobs, err := s.jobs(v, q, args...)
	if err != nil {
		return job.Job{}, err
	}
	if len(jobs) == 0 {
		return job.Job{}, errNoRow
	}
	return jobs[0], nil
}

// jobs reads the jobs of a statement that begins with jobSelect, each with its
// documents.
func (s Scope) jobs(v view, q query, args ...any) ([]job.Job, error) {
	list, err := s.bareJobs(v, q, args...)
	if err != nil {
		return nil, err
	}
	return list, s.fill(v, list)
}

// bareJobs is jobs without documents.
func (s Scope) bareJobs(v view, q query, args ...any) ([]job.Job, error) {
	var list []job.Job
	err := v.each(q, to(&list, s.scanJob), args...)
	return list, err
}

func (s Scope) scanJob(row scanner, j *job.Job) error {
	var personal []byte
	var client string
	err := row.Scan(&j.ID, &j.UUID, &j.State, words[job.Reason]{&j.Reasons}, &j.Message,
		&j.Queue, &j.QueueName, &j.Owner, &j.OwnerName, &j.OwnerRule,
		asJSON{&j.Ticket}, &j.Ticket.Claimed, &personal,
		&j.Origin.Door, &j.Origin.Queue, &j.Origin.User, &client,
		&j.Priority, &j.Device, &j.DeviceName, when{&j.NotBefore}, &j.Attempts, &j.Crashes, &j.Octets,
		when{&j.Created}, when{&j.Released}, when{&j.Completed}, when{&j.ExpiresAt},
		&j.Fence, &j.Seen, &j.Options.Copies, &j.Options.Sides, &j.Kept, &j.Options.Mono, &j.ReleasedBy)
	if err != nil {
		return err
	}
	if client != "" {
		if j.Origin.Client, err = netip.ParseAddr(client); err != nil {
			return err
		}
	}
	if plain := s.unseal(personal, "job", j.UUID); plain != "" {
		err = json.Unmarshal([]byte(plain), &j.Ticket)
	}
	return err
}

func (s Scope) documents(v view, j *job.Job) error {
	return v.each(selectDocuments, to(&j.Documents, func(row scanner, d *job.Document) error {
		var name []byte
		c := &d.Count
		err := row.Scan(&d.Number, &name, &d.Octets, &d.Digest, &d.Language, &d.Copies, &d.File,
			&c.Pages, &c.Sides, &c.Colour, &c.Method, &c.Confidence, &c.Why)
		d.Name = s.unseal(name, "document", j.UUID, strconv.Itoa(d.Number))
		return err
	}), j.ID)
}

// RestoreJob adds a job that was found whole in the spool but not in the
// database, and sets j.ID. A number that the job has already stays its own, unless
// another job of the tenant has it. An owner, queue or device that is gone is left
// out. A job whose row waits for its documents (OpenJob) gets them.
func (s Scope) RestoreJob(ctx context.Context, j *job.Job, h []job.Entry) error {
	const op = "store.RestoreJob"
	if err := s.read(ctx, func(v view) error { return v.leaveOutGone(j) }); err != nil {
		return explain(op, err)
	}
	if j.State != job.Held {
		return invalid(op, "A job that is made again is held.")
	}
	row, err := s.sealJob(j)
	if err != nil {
		return explain(op, err)
	}
	c := &call{fn: func(t tx) error {
		was, err := t.jobRowByUUID(op, j.UUID)
		switch {
		case err == nil && was.incoming():
			j.ID = was.id
			return t.fillJob(was, j, row, h)
		case err == nil:
			return conflict(op, "This job is already here.")
		case !fault.Is(err, fault.NotFound):
			return err
		}
		id, err := s.st.numberAgain(t, j.ID)
		if err != nil {
			return err
		}
		return t.insertJob(op, id, j, row, h)
	}}
	return explain(op, s.call(ctx, c))
}

func (v view) leaveOutGone(j *job.Job) error {
	for _, ref := range []struct {
		id *string
		q  query
	}{{&j.Owner, existsUser}, {&j.Queue, existsQueue}, {&j.Device, existsDevice}} {
		var n int
		if err := v.one(ref.q, []any{&n}, *ref.id); err != nil {
			return err
		}
		if n == 0 {
			*ref.id = ""
		}
	}
	return nil
}

const (
	jobSelect = `
		SELECT j.id, j.uuid, j.state, j.reasons, j.message,
		       j.queue, COALESCE(q.name, ''), j.owner, COALESCE(u.login, ''), j.owner_rule,
		       j.ticket, j.claimed, j.personal, j.door, j.door_queue, j.door_user, j.client,
		       j.priority, j.device, COALESCE(d.name, ''), j.not_before, j.attempts, j.crashes, j.octets,
		       j.created_at, j.released_at, j.completed_at, j.expires_at,
		       j.fence, j.seen, j.copies, j.sides, j.extended, j.mono, j.released_by
		  FROM jobs j
		  LEFT JOIN queues q ON q.tenant = $1 AND q.id = j.queue
		  LEFT JOIN users u ON u.tenant = $1 AND u.id = j.owner
		  LEFT JOIN devices d ON d.tenant = $1 AND d.id = j.device
		 WHERE j.tenant = $1`

	selectJob       query = jobSelect + ` AND j.id = $2`
	selectJobByUUID query = jobSelect + ` AND j.uuid = $2`

	insertJob query = `
		INSERT INTO jobs (tenant, id, uuid, state, reasons, message, queue, owner, owner_rule,
		       claimed, ticket, personal, door, door_queue, door_user, client,
		       priority, device, not_before, attempts, crashes, octets, files,
		       created_at, released_at, completed_at, expires_at, fence, seen, copies, sides, extended, mono,
		       boot, cancel_asked)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
		       $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, '', 0)
		ON CONFLICT (tenant, uuid) DO NOTHING`
	insertDocument query = `
		INSERT INTO documents (tenant, job, number, name, octets, digest, language, copies, file, counted,
		       pages, sides, colour, method, confidence, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	selectDocuments query = `
		SELECT number, name, octets, digest, language, copies, file, pages, sides, colour, method, confidence, why
		  FROM documents WHERE tenant = $1 AND job = $2 ORDER BY number`

	existsUser   query = `SELECT COUNT(*) FROM users WHERE tenant = $1 AND id = $2`
	existsQueue  query = `SELECT COUNT(*) FROM queues WHERE tenant = $1 AND id = $2`
	existsDevice query = `SELECT COUNT(*) FROM devices WHERE tenant = $1 AND id = $2`

	// Among the newest hundred with this digest: a form that thousands print must
	// not make each of them wait. The range of one digest has SQLite take the index
	// for the order too, and not all documents of the tenant.
	selectSeen query = `
		SELECT j.id
		  FROM (SELECT job, octets FROM documents
		         WHERE tenant = $1 AND digest >= $2 AND digest <= $2
		         ORDER BY digest DESC, job DESC LIMIT 100) d
		  JOIN jobs j ON j.tenant = $1 AND j.id = d.job
		 WHERE d.octets = $3 AND j.owner = $4 AND j.created_at >= $5
		 ORDER BY j.id DESC LIMIT 1`
)
