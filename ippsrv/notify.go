package ippsrv

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/OpenPrinting/goipp"

	"platen/fault"
	"platen/ipp"
	"platen/job"
)

// Subscriptions with the pull method ippget (RFC 3995 and RFC 3996). They live in
// memory: after a restart a client is told that its subscription is not there,
// and makes another.
const (
	maxSubscriptions    = 2000
	maxSubscriptionsPer = 50 // of one client
	maxEvents           = 10 // notify-max-events-supported
	keptEvents          = 100
	maxLease            = 86400            // seconds
	eventLife           = 60 * time.Second // ippget-event-life
	askAgain            = 30               // notify-get-interval, seconds
)

// events are those that are told.
var events = []string{
	"job-created", "job-completed", "job-state-changed", "job-stopped", "job-progress", "job-config-changed",
	"printer-state-changed", "printer-stopped", "printer-config-changed", "printer-queue-order-changed",
}

var notifyAttributes = []string{"printer-state-change-time", "notify-lease-expiration-time", "notify-subscriber-user-name"}

// hub tells those who have subscribed what has happened.
type hub struct {
	now func() time.Time

	mu      sync.Mutex
	last    int
	subs    map[int]*subscription
	states  map[int64]job.State // last told, of jobs somebody listens to
	printer map[string]time.Time
}

type subscription struct {
	id       int
	queue    string // queue id
	uri      string // notify-printer-uri
	job      int64  // 0: of the printer
	by       job.Requester
	user     string // notify-subscriber-user-name
	events   []string
	data     []byte // notify-user-data
	lease    int    // seconds; 0 for ever
	until    time.Time
	interval int

	sequence int
	kept     []event
}

type event struct {
	at      time.Time
	number  int
	name    string
	text    string
	job     int64
	state   job.State
	reasons []string
}

func newHub(now func() time.Time) *hub {
	return &hub{now: now, subs: map[int]*subscription{}, states: map[int64]job.State{}, printer: map[string]time.Time{}}
}

// listening reports whether there is a subscription.
func (h *hub) listening() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs) > 0
}

// changedAt is when the queue's own state changed last.
func (h *hub) changedAt(queue string, start time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at, ok := h.printer[queue]; ok {
		return at
	}
	return start
}

func (h *hub) printerChanged(queue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.printer[queue] = h.now()
	for _, s := range h.subs {
		if s.queue == queue {
			h.tellLocked(s, event{name: "printer-state-changed", text: "The state of the queue has changed."}, "printer-state-changed", "printer-stopped", "printer-config-changed")
		}
	}
}

// jobChanged tells the state of a job, if it is new to those who listen.
func (h *hub) jobChanged(j job.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.subs) == 0 {
		return
	}
	was, seen := h.states[j.ID]
	if len(h.states) > 100_000 {
		clear(h.states)
	}
	h.states[j.ID] = j.State
	e := event{name: "job-state-changed", text: fmt.Sprintf("Job %d: %s", j.ID, j.State), job: j.ID, state: j.State}
	for _, r := range j.Reasons {
		e.reasons = append(e.reasons, string(r))
	}
	names := []string{"job-state-changed"}
	switch {
	case !seen && !j.State.Done():
		e.name, names = "job-created", []string{"job-created", "job-state-changed"}
	case j.State.Done():
		e.name, names = "job-completed", []string{"job-completed", "job-state-changed"}
	case j.State == job.Stopped:
		e.name, names = "job-stopped", []string{"job-stopped", "job-state-changed"}
	}
	if j.State.Done() {
		delete(h.states, j.ID)
	}
	if seen && was == j.State {
		return
	}
	for _, s := range h.subs {
		if s.queue == j.Queue && (s.job == j.ID || s.job == 0) {
			h.tellLocked(s, e, names...)
		}
	}
}

// tellLocked keeps an event for a subscription that wants one of the names.
func (h *hub) tellLocked(s *subscription, e event, names ...string) {
	i := slices.IndexFunc(names, func(n string) bool { return slices.Contains(s.events, n) })
	if i < 0 {
		return
	}
	s.sequence++
	e.at, e.number, e.name = h.now(), s.sequence, names[i]
	s.kept = append(s.kept, e)
	s.kept = slices.DeleteFunc(s.kept, func(x event) bool { return e.at.Sub(x.at) > eventLife })
	if n := len(s.kept); n > keptEvents {
		s.kept = slices.Clone(s.kept[n-keptEvents:])
	}
}

// expireLocked removes subscriptions whose lease is over.
func (h *hub) expireLocked() {
	now := h.now()
	for id, s := range h.subs {
		if s.lease > 0 && now.After(s.until) {
			delete(h.subs, id)
		}
	}
}

// add takes a subscription, or says that there are too many.
func (h *hub) add(s *subscription) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expireLocked()
	own := 0
	for _, x := range h.subs {
		if x.by.Client == s.by.Client {
			own++
		}
	}
	if len(h.subs) >= maxSubscriptions || own >= maxSubscriptionsPer {
		return false
	}
	h.last++
	s.id = h.last
	if s.lease > 0 {
		s.until = h.now().Add(time.Duration(s.lease) * time.Second)
	}
	h.subs[s.id] = s
	return true
}

// same reports whether two requesters are one, as far as anybody can tell.
func same(a, b *job.Requester) bool {
	if a.User != "" || b.User != "" {
		return a.User == b.User
	}
	return a.Client == b.Client && a.Claimed == b.Claimed
}

// find returns the requester's subscription.
func (h *hub) find(id int, by job.Requester) (*subscription, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expireLocked()
	s, ok := h.subs[id]
	return s, ok && (by.Admin || same(&s.by, &by))
}

// subscriptionGroups are the subscriptions that a request asks for.
func (q *request) subscriptionGroups() []goipp.Attributes {
	var list []goipp.Attributes
	for _, g := range q.msg.AttrGroups() {
		if g.Tag == goipp.TagSubscriptionGroup {
			list = append(list, g.Attrs)
		}
	}
	return list[:min(len(list), maxEvents)]
}

// subscribe makes subscriptions, one group of the answer for each.
func (q *request) subscribe(groups []goipp.Attributes, jobID int64) []goipp.Group {
	var out []goipp.Group
	for _, g := range groups {
		attrs := goipp.Attributes{}
		if s, status := q.newSubscription(g, jobID); status != statusOK {
			attrs.Add(ipp.Enum("notify-status-code", status))
		} else {
			attrs.Add(ipp.Integer("notify-subscription-id", s.id))
			if jobID == 0 {
				attrs.Add(ipp.Integer("notify-lease-duration", s.lease))
			}
		}
		out = append(out, goipp.Group{Tag: goipp.TagSubscriptionGroup, Attrs: attrs})
	}
	return out
}

func (q *request) newSubscription(g goipp.Attributes, jobID int64) (*subscription, int) {
	if _, push := ipp.Find(g, "notify-recipient-uri"); push { // we call nobody
		return nil, statusAttributes
	}
	if ipp.Text(g, "notify-pull-method") != "ippget" {
		return nil, statusAttributes
	}
	s := &subscription{queue: q.queue.ID, uri: q.printerURI(), job: jobID, by: q.requester(), user: q.claimed(), events: ipp.Texts(g, "notify-events"), lease: maxLease}
	s.events = slices.DeleteFunc(s.events, func(e string) bool { return !slices.Contains(events, e) })
	if len(s.events) == 0 {
		s.events = []string{"job-completed"}
	}
	if len(s.events) > maxEvents {
		return nil, statusAttributes
	}
	if n, ok := ipp.Int(g, "notify-lease-duration"); ok && n > 0 && n <= maxLease {
		s.lease = n
	}
	if n, ok := ipp.Int(g, "notify-time-interval"); ok {
		s.interval = max(0, n)
	}
	if jobID != 0 {
		s.lease = maxLease // ends with the job; this only bounds it
	}
	if s.data = ipp.Octets(g, "notify-user-data"); len(s.data) > 63 {
		return nil, statusAttributes
	}
	if !q.s.hub.add(s) {
		return nil, statusTooManySubs
	}
	return s, statusOK
}

func (q *request) createPrinterSubscriptions() (answer, error) {
	return q.createSubscriptions(0)
}

func (q *request) createJobSubscriptions() (answer, error) {
	n, ok := ipp.Int(q.msg.Operation, "notify-job-id")
	if !ok {
		return answer{}, &fault.Error{Op: "ippsrv.createJobSubscriptions", Kind: fault.Invalid, Text: "The request names no job: notify-job-id is missing."}
	}
	j, err := q.s.Intake.Own(q.ctx, q.requester(), int64(n))
	if err != nil {
		return answer{}, err
	}
	return q.createSubscriptions(j.ID)
}

func (q *request) createSubscriptions(jobID int64) (answer, error) {
	groups := q.subscriptionGroups()
	if len(groups) == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.createSubscriptions", Kind: fault.Invalid, Text: "The request has no subscription."}
	}
	a := answer{groups: q.subscribe(groups, jobID)}
	failed := 0
	for _, g := range a.groups {
		if _, bad := ipp.Find(g.Attrs, "notify-status-code"); bad {
			failed++
		}
	}
	switch {
	case failed == len(a.groups):
		a.status, a.message = 0x0414, "No subscription was made."
	case failed > 0:
		a.status = 0x0003 // successful-ok-ignored-subscriptions
	}
	return a, nil
}

func (q *request) subscription() (*subscription, error) {
	id, ok := ipp.Int(q.msg.Operation, "notify-subscription-id")
	if !ok {
		return nil, &fault.Error{Op: "ippsrv.subscription", Kind: fault.Invalid, Text: "The request names no subscription."}
	}
	s, ok := q.s.hub.find(id, q.requester())
	if !ok || s.queue != q.queue.ID {
		return nil, &fault.Error{Op: "ippsrv.subscription", Kind: fault.NotFound, Text: "There is no subscription %d.", Args: []any{id}}
	}
	return s, nil
}

func (q *request) subscriptionAttributes(s *subscription, w wanted) goipp.Attributes {
	b := builder{wanted: w, group: "subscription-template"}
	b.add(ipp.Keyword("notify-events", s.events...), ipp.Keyword("notify-pull-method", "ippget"), ipp.Charset("notify-charset", "utf-8"),
		ipp.Language("notify-natural-language", "en"), ipp.Integer("notify-time-interval", s.interval), ipp.OctetString("notify-user-data", string(s.data)),
		ipp.Integer("notify-lease-duration", s.lease))
	b.group = "subscription-description"
	q.s.hub.mu.Lock()
	sequence, until := s.sequence, s.until
	q.s.hub.mu.Unlock()
	b.add(ipp.Integer("notify-subscription-id", s.id), ipp.Integer("notify-sequence-number", sequence), ipp.URI("notify-printer-uri", s.uri),
		ipp.Integer("notify-printer-up-time", q.s.uptime(q.s.Now())), ipp.Name("notify-subscriber-user-name", s.user),
		ipp.Integer("notify-lease-expiration-time", q.s.uptime(until)))
	if s.job != 0 {
		b.add(ipp.Integer("notify-job-id", int(s.job)))
	}
	return b.list
}

func (q *request) getSubscriptionAttributes() (answer, error) {
	s, err := q.subscription()
	if err != nil {
		return answer{}, err
	}
	return answer{groups: []goipp.Group{{Tag: goipp.TagSubscriptionGroup, Attrs: q.subscriptionAttributes(s, wantedBy(q.msg, "all"))}}}, nil
}

func (q *request) getSubscriptions() (answer, error) {
	jobID, _ := ipp.Int(q.msg.Operation, "notify-job-id")
	limit, ok := ipp.Int(q.msg.Operation, "limit")
	if !ok || limit <= 0 {
		limit = maxSubscriptions
	}
	r := q.requester()
	h := q.s.hub
	h.mu.Lock()
	h.expireLocked()
	var list []*subscription
	for _, s := range h.subs {
		if s.queue == q.queue.ID && (r.Admin || same(&s.by, &r)) && s.job == int64(jobID) {
			list = append(list, s)
		}
	}
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *subscription) int { return a.id - b.id })
	var a answer
	w := wantedBy(q.msg, "notify-subscription-id")
	for _, s := range list[:min(len(list), limit)] {
		a.groups = append(a.groups, goipp.Group{Tag: goipp.TagSubscriptionGroup, Attrs: q.subscriptionAttributes(s, w)})
	}
	if len(list) == 0 {
		return a, nil
	}
	return a, nil
}

func (q *request) renewSubscription() (answer, error) {
	s, err := q.subscription()
	if err != nil {
		return answer{}, err
	}
	if s.job != 0 {
		return answer{}, &fault.Error{Op: "ippsrv.renewSubscription", Kind: fault.Conflict, Text: "A subscription of a job ends with the job."}
	}
	lease, ok := ipp.Int(q.msg.Subscription, "notify-lease-duration")
	if !ok || lease <= 0 || lease > maxLease {
		lease = maxLease
	}
	h := q.s.hub
	h.mu.Lock()
	s.lease, s.until = lease, h.now().Add(time.Duration(lease)*time.Second)
	h.mu.Unlock()
	return answer{groups: []goipp.Group{{Tag: goipp.TagSubscriptionGroup, Attrs: goipp.Attributes{ipp.Integer("notify-lease-duration", lease)}}}}, nil
}

func (q *request) cancelSubscription() (answer, error) {
	s, err := q.subscription()
	if err != nil {
		return answer{}, err
	}
	q.s.hub.mu.Lock()
	delete(q.s.hub.subs, s.id)
	q.s.hub.mu.Unlock()
	return answer{}, nil
}

// getNotifications tells what has happened since the sequence numbers that the
// client names. It does not wait: notify-get-interval says when to ask again.
func (q *request) getNotifications() (answer, error) {
	op := q.msg.Operation
	ids, from := ipp.Ints(op, "notify-subscription-ids"), ipp.Ints(op, "notify-sequence-numbers")
	if len(ids) == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.getNotifications", Kind: fault.Invalid, Text: "The request names no subscription."}
	}
	now := q.s.Now()
	a := answer{extra: []goipp.Attribute{ipp.Integer("notify-get-interval", askAgain), ipp.Integer("printer-up-time", q.s.uptime(now))}}
	found := 0
	for i, id := range ids {
		s, ok := q.s.hub.find(id, q.requester())
		if !ok || s.queue != q.queue.ID {
			q.unsupported.Add(ipp.Integer("notify-subscription-ids", id))
			continue
		}
		found++
		least := 0
		if i < len(from) {
			least = from[i]
		}
		q.s.hub.mu.Lock()
		kept := slices.Clone(s.kept)
		q.s.hub.mu.Unlock()
		for _, e := range kept {
			if e.number >= least && now.Sub(e.at) <= eventLife {
				a.groups = append(a.groups, goipp.Group{Tag: goipp.TagEventNotificationGroup, Attrs: q.eventAttributes(s, &e)})
			}
		}
	}
	if found == 0 {
		return answer{}, &fault.Error{Op: "ippsrv.getNotifications", Kind: fault.NotFound, Text: "There is no such subscription."}
	}
	return a, nil
}

func (q *request) eventAttributes(s *subscription, e *event) goipp.Attributes {
	list := goipp.Attributes{
		ipp.Charset("notify-charset", "utf-8"), ipp.Language("notify-natural-language", "en"), ipp.Integer("notify-subscription-id", s.id),
		ipp.Integer("notify-sequence-number", e.number), ipp.URI("notify-printer-uri", s.uri), ipp.Keyword("notify-subscribed-event", e.name),
		ipp.Integer("printer-up-time", q.s.uptime(e.at)), ipp.TextWithout("notify-text", e.text), ipp.OctetString("notify-user-data", string(s.data)),
		ipp.Enum("printer-state", printerIdle), ipp.Keyword("printer-state-reasons", "none"), ipp.Boolean("printer-is-accepting-jobs", q.queue.AcceptJobs),
	}
	if e.job != 0 {
		list = append(list, ipp.Integer("notify-job-id", int(e.job)), ipp.Integer("job-id", int(e.job)), ipp.Enum("job-state", int(e.state)))
		if len(e.reasons) > 0 {
			list = append(list, ipp.Keyword("job-state-reasons", e.reasons...))
		}
	}
	return list
}
