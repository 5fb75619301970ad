package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/site"
)

// read reads the JSON body of a request, whole, and nothing it does not know:
// a misspelled name is better refused than ignored.
func (v *visit) read(into any) error { return v.readUpTo(into, v.s.Limits.Form) }

// readUpTo reads one that may be this many octets long.
func (v *visit) readUpTo(into any, most int64) error {
	const op = "ui.read"
	b, err := io.ReadAll(http.MaxBytesReader(v.w, v.r.Body, most))
	if err != nil {
		return badBody(op, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "That could not be read.", Err: err}
	}
	return nil
}

// apiUser is a person as a terminal may know one.
type apiUser struct {
	Login   string            `json:"login"`
	Display string            `json:"display"`
	Email   string            `json:"email"`
	Rights  []directory.Right `json:"rights"`
}

// apiSession is the answer to a sign-in.
type apiSession struct {
	Session string    `json:"session"` // opaque; good at this node and this terminal only
	User    apiUser   `json:"user"`
	Expires time.Time `json:"expires"` // if nobody does anything until then
	Offline bool      `json:"offline"` // the answer rests on what was known when the primary was last there
}

func (s *Server) apiSignIn(v *visit) error {
	var c directory.Credentials
	if err := v.read(&c); err != nil {
		return err
	}
	c.User, c.Value = clean(c.User), clean(c.Value)
	sess, token, err := s.Desk.SignIn(v.ctx(), v.terminal, c, v.client)
	if r := (*directory.Refused)(nil); errors.As(err, &r) {
		return &refusal{http.StatusUnauthorized, r.Reason, err}
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusCreated, newAPISession(&sess, token))
}

func newAPISession(sess *directory.Session, token string) apiSession {
	return apiSession{
		Session: token, Expires: sess.Expires().UTC(),
		User: apiUser{sess.User.Login, sess.User.Name(), sess.User.Email, sess.User.Everywhere()},
	}
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (s *Server) apiSignOut(v *visit) error {
	if err := s.Desk.SignOut(v.ctx(), v.session); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) apiJobs(v *visit) error {
	jobs, err := s.Desk.Jobs(v.ctx(), v.session)
	if err != nil {
		return err
	}
	for i := range jobs {
		jobs[i].Text, jobs[i].WhyNot = v.sentence(jobs[i].Text), v.sentence(jobs[i].WhyNot)
	}
	return v.json(http.StatusOK, nonNil(jobs))
}

// sentence translates what may be empty.
func (v *visit) sentence(key string) string {
	if key == "" {
		return ""
	}
	return v.say.Text(key)
}

// apiOrder is the body of a release.
type apiOrder struct {
	Jobs   jobList `json:"jobs"`
	Device string  `json:"device"` // id or name of the terminal's device, or nothing
	Key    string  `json:"idempotency_key"`
	Copies int     `json:"copies"`
	Sides  string  `json:"sides"`

	PINs job.PINs `json:"pins"` // of documents that have one, by their id
	PIN  string   `json:"pin"`  // of the one document in jobs
}

// pins are the PINs that came, as they were typed.
func (o *apiOrder) pins() (job.PINs, error) {
	pins := job.PINs{}
	for id, pin := range o.PINs {
		pins[id] = clean(pin)
	}
	switch {
	case o.PIN == "":
	case len(o.Jobs.ids) != 1:
		return nil, &fault.Error{Op: "ui.apiRelease", Kind: fault.Invalid, Text: "A single PIN is for a single document."}
	default:
		pins[o.Jobs.ids[0]] = clean(o.PIN)
	}
	return pins, nil
}

// jobList is a list of numbers or the word "all".
type jobList struct {
	all bool
	ids []int64
}

func (l *jobList) UnmarshalJSON(b []byte) error {
	if string(b) == `"all"` {
		l.all = true
		return nil
	}
	return json.Unmarshal(b, &l.ids)
}

func (s *Server) apiRelease(v *visit) error {
	var o apiOrder
	if err := v.read(&o); err != nil {
		return err
	}
	if o.Device != "" && !isDeviceOf(v.terminal, o.Device) {
		return foreignDevice("ui.apiRelease")
	}
	if o.Copies < 0 || o.Copies > 9999 {
		return &fault.Error{Op: "ui.apiRelease", Kind: fault.Invalid, Text: "That is no number of copies."}
	}
	pins, err := o.pins()
	if err != nil {
		return err
	}
	opt := job.Options{Copies: o.Copies, Sides: o.Sides}
	var r job.Release
	if o.Jobs.all {
		r, err = s.Desk.ReleaseAll(v.ctx(), v.session, opt, pins, o.Key)
	} else {
		r, err = s.Desk.Release(v.ctx(), v.session, o.Jobs.ids, opt, pins, o.Key)
	}
	if refused := (*directory.Refused)(nil); errors.As(err, &refused) {
		return &refusal{http.StatusForbidden, refused.Reason, err}
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusAccepted, apiReleased{r.ID, r.Left})
}

// apiReleased is the answer to a release.
type apiReleased struct {
	Release  string `json:"release"`
	NeedPINs int    `json:"need_pins"` // how many of "all" were left because their PIN did not come
}

func isDeviceOf(t site.Terminal, device string) bool {
	return device == t.Device || t.DeviceName != "" && site.FoldName(device) == site.FoldName(t.DeviceName)
}

func foreignDevice(op string) error {
	return &fault.Error{Op: op, Kind: fault.Denied, Text: "This terminal does not belong to that device."}
}

// apiItem is one document of a release.
type apiItem struct {
	Job    int64  `json:"job"`
	Status string `json:"status"`
	Reason string `json:"reason"` // one sentence, "" when all is well
}

func (s *Server) apiStatus(v *visit) error {
	r, err := s.Desk.ReleaseAt(v.ctx(), v.terminal, v.path("release"))
	if err != nil {
		return err
	}
	items := make([]apiItem, len(r.Items))
	for i, it := range r.Items {
		items[i] = apiItem{it.Job, it.Status, v.sentence(it.Reason)}
	}
	return v.json(http.StatusOK, struct {
		Release string    `json:"release"`
		Device  string    `json:"device"`
		At      time.Time `json:"at"`
		Jobs    []apiItem `json:"jobs"`
	}{r.ID, r.Device, r.At.UTC(), items})
}

var eventKinds = []string{"copy", "scan", "fax", "print", "counters", "state"}

// apiEvent keeps what a device reports. It may report the same event again.
func (s *Server) apiEvent(v *visit) error {
	const op = "ui.apiEvent"
	if !isDeviceOf(v.terminal, v.path("device")) {
		return foreignDevice(op)
	}
	var e Event
	if err := v.read(&e); err != nil {
		return err
	}
	if s.Events == nil {
		return &fault.Error{Op: op, Kind: fault.Unavailable, Text: "This node keeps no events of devices."}
	}
	e.ID, e.User, e.State = clean(e.ID), clean(e.User), clean(e.State)
	if e.ID == "" || len(e.ID)+len(e.User)+len(e.State) > 512 || len(e.Counters) > 100 || !slices.Contains(eventKinds, e.Kind) || e.At.IsZero() {
		return &fault.Error{Op: op, Kind: fault.Invalid, Text: "An event needs an id, a known kind and a time."}
	}
	if err := s.Events.DeviceEvent(v.ctx(), v.terminal, e); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	return v.json(http.StatusAccepted, struct {
		ID string `json:"id"`
	}{e.ID})
}

// apiPolicy says what the terminal may offer, and what holds while the primary
// is away: a node decides everything of this by itself.
func (s *Server) apiPolicy(v *visit) error {
	if !isDeviceOf(v.terminal, v.path("device")) {
		return foreignDevice("ui.apiPolicy")
	}
	set, err := s.Site.Settings(v.ctx())
	if err != nil {
		return err
	}
	d, err := s.Site.Device(v.ctx(), v.terminal.Device)
	if err != nil {
		return err
	}
	pin, err := s.pinOnly(v)
	if err != nil {
		return err
	}
	methods := []string{directory.MethodCard, directory.MethodPassword, directory.MethodPIN}
	if v.terminal.Asserted {
		methods = append(methods, directory.MethodAsserted)
	}
	return v.json(http.StatusOK, policy{
		Terminal: v.terminal.Name, Device: d.ID, DeviceName: d.Name, Enabled: d.Enabled, State: d.Status.State,
		Methods: methods, PINOnly: pin, RegisterCards: set.RegisterCards,
		Rights: []directory.Right{directory.Release, directory.BreakGlass}, Quotas: []any{},
		RecallSeconds: int(v.terminal.RecallAfter / time.Second), Language: v.terminal.Language,
		Offline: offline{SignIn: true, Release: true},
	})
}

// policy is the answer to GET devices/{d}/policy.
type policy struct {
	Terminal      string            `json:"terminal"`
	Device        string            `json:"device"`
	DeviceName    string            `json:"device_name"`
	Enabled       bool              `json:"enabled"`
	State         string            `json:"state"`
	Methods       []string          `json:"methods"`
	PINOnly       bool              `json:"pin_only"` // a PIN may come without a user name
	RegisterCards bool              `json:"register_cards"`
	Rights        []directory.Right `json:"rights"` // those that exist
	Quotas        []any             `json:"quotas"`
	RecallSeconds int               `json:"recall_seconds"`
	Language      string            `json:"language"`
	Offline       offline           `json:"offline"`
}

// offline says what works while the primary is away.
type offline struct {
	SignIn  bool `json:"sign_in"`
	Release bool `json:"release"`
}
