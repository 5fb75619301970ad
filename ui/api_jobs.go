package ui

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"platen/fault"
	"platen/job"
	"platen/site"
)

// tokenKey is where a ticket remembers which API token it came with.
const tokenKey = "token"

// apiPrint takes a document from a program. It answers when the job is durable.
//
// The body is the document itself, or multipart/form-data with the fields
// queue, title, user before its file. What stands in the address counts where
// the form says nothing.
func (s *Server) apiPrint(v *visit) error {
	body := &patient{v: v, rc: http.NewResponseController(v.w), idle: s.Limits.Idle}
	ask := asked{v.r.URL.Query().Get("queue"), v.r.URL.Query().Get("title"), v.r.URL.Query().Get("user")}
	kind, params, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	var j job.Job
	if err == nil && kind == "multipart/form-data" {
		j, err = s.printForm(v, multipart.NewReader(body, params["boundary"]), ask)
	} else {
		j, err = s.print(v, body, "", ask)
	}
	_ = body.rc.SetWriteDeadline(time.Now().Add(s.Limits.Request))
	if err != nil {
		return err
	}
	v.w.Header().Set("Location", "/api/v1/jobs/"+j.UUID)
	return v.json(http.StatusCreated, jobAnswer(j))
}

// asked is what a program says about its document.
type asked struct{ queue, title, user string }

// printForm reads the fields that come before the file, and prints the file.
func (s *Server) printForm(v *visit, form *multipart.Reader, ask asked) (job.Job, error) {
	const op = "ui.printForm"
	for range 16 {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return job.Job{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "There is no document in this form."}
		}
		if err != nil {
			return job.Job{}, badBody(op, err)
		}
		if part.FileName() != "" {
			return s.print(v, part, clean(part.FileName()), ask)
		}
		value, err := io.ReadAll(io.LimitReader(part, 4<<10))
		if err != nil {
			return job.Job{}, badBody(op, err)
		}
		switch part.FormName() {
		case "queue":
			ask.queue = string(value)
		case "title":
			ask.title = string(value)
		case "user":
			ask.user = string(value)
		}
	}
	return job.Job{}, &fault.Error{Op: op, Kind: fault.Invalid, Text: "There is no document in this form."}
}

// print streams one document in. An owner in the token is proof, a name in the
// request is a claim.
func (s *Server) print(v *visit, doc io.Reader, name string, ask asked) (job.Job, error) {
	q, err := s.queueFor(v, clean(ask.queue))
	if err != nil {
		return job.Job{}, err
	}
	in, err := s.Intake.Open(v.ctx(), job.Origin{Door: "api", Queue: q, Client: v.client, User: v.program.Owner})
	if err != nil {
		return job.Job{}, err
	}
	defer in.Abandon()
	n, err := in.Document(v.ctx(), name, doc)
	if err != nil {
		return job.Job{}, cutShort(err)
	}
	title := clean(ask.title)
	if title == "" {
		title = name
	}
	t := job.Ticket{Title: title, Claimed: clean(ask.user), Host: v.client.String(), Extra: map[string]string{tokenKey: v.program.ID}}
	return in.Submit(v.ctx(), t, []job.Piece{{Number: n, Name: name, Copies: 1}})
}

// cutShort says whose fault it is that a document did not arrive.
func cutShort(err error) error {
	if e := (*fault.Error)(nil); errors.As(err, &e) {
		return err
	}
	return &fault.Error{Op: "ui.print", Kind: fault.Invalid, Text: "The document did not arrive whole.", Err: err}
}

// queueFor returns the queue that the program may print to and means.
func (s *Server) queueFor(v *visit, name string) (string, error) {
	const op = "ui.queueFor"
	queues, err := s.Site.Queues(v.ctx())
	if err != nil {
		return "", err
	}
	for _, q := range queues {
		mine := v.program.Queue == q.ID
		named := site.FoldName(q.Name) == site.FoldName(name)
		switch {
		case name == "" && mine, named && (mine || v.program.Queue == ""):
			return q.Name, nil
		case named:
			return "", &fault.Error{Op: op, Kind: fault.Denied, Text: "This API token may not print to that queue."}
		}
	}
	if name == "" {
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Text: "Please name a queue."}
	}
	return "", &fault.Error{Op: op, Kind: fault.NotFound, Text: "There is no such queue."}
}

// apiJob shows a job to the token that it came with. To every other token it
// does not exist.
func (s *Server) apiJob(v *visit) error {
	id := v.path("id")
	var j job.Job
	var err error
	if n, perr := strconv.ParseInt(id, 10, 64); perr == nil {
		j, err = s.Jobs.Job(v.ctx(), n)
	} else {
		j, err = s.Jobs.JobByUUID(v.ctx(), id)
	}
	if err == nil && (j.Origin.Door != "api" || j.Ticket.Extra[tokenKey] != v.program.ID) {
		err = &fault.Error{Op: "ui.apiJob", Kind: fault.NotFound}
	}
	if fault.Is(err, fault.NotFound) {
		return &fault.Error{Op: "ui.apiJob", Kind: fault.NotFound, Text: "There is no such job.", Err: err}
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, jobAnswer(j))
}

// apiJobView is a job as the program that sent it may see it.
type apiJobView struct {
	ID        int64        `json:"id"`
	UUID      string       `json:"uuid"`
	State     string       `json:"state"`   // RFC 8011 keyword
	Reasons   []job.Reason `json:"reasons"` // RFC 8011 keywords
	Message   string       `json:"message"`
	Queue     string       `json:"queue"`
	Owner     string       `json:"owner"` // login, "" unclaimed
	Claimed   string       `json:"claimed"`
	Title     string       `json:"title"` // "" once it is forgotten
	Octets    int64        `json:"octets"`
	Pages     *int         `json:"pages"` // null: unknown
	Device    string       `json:"device"`
	Submitted time.Time    `json:"submitted"`
	Completed *time.Time   `json:"completed"`
}

func jobAnswer(j job.Job) apiJobView {
	a := apiJobView{
		ID: j.ID, UUID: j.UUID, State: j.State.String(), Reasons: nonNil(j.Reasons), Message: j.Message,
		Queue: j.QueueName, Owner: j.OwnerName, Claimed: j.Ticket.Claimed, Title: j.Ticket.Title,
		Octets: j.Octets, Device: j.DeviceName, Submitted: j.Created.UTC(),
	}
	if !j.Completed.IsZero() {
		at := j.Completed.UTC()
		a.Completed = &at
	}
	sum := 0
	for _, d := range j.Documents {
		if d.Count.Pages == job.Unknown || d.Count.Method == "" {
			return a
		}
		sum += d.Count.Pages
	}
	if len(j.Documents) > 0 {
		a.Pages = &sum
	}
	return a
}

// patient reads a document for as long as octets keep coming: a large one on a
// slow line takes its time, a dead line does not.
type patient struct {
	v    *visit
	rc   *http.ResponseController
	idle time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	now := time.Now()
	_ = p.rc.SetReadDeadline(now.Add(p.idle)) // not every connection in a test has one
	_ = p.rc.SetWriteDeadline(now.Add(p.idle + p.v.s.Limits.Request))
	return p.v.r.Body.Read(b)
}
