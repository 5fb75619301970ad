package ui

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"platen/directory"
	"platen/fault"
	"platen/job"
	"platen/pki"
)

// call asks the API and reads the answer into a map.
func (h *house) call(method, path, token, body string) (pageGot, map[string]any) {
	h.t.Helper()
	header := map[string]string{"Content-Type": "application/json"}
	if token != "" {
		header["Authorization"] = "Bearer " + token
	}
	p := h.do(h.request(method, path, strings.NewReader(body), header))
	var m map[string]any
	if p.body != "" && p.body[0] == '{' {
		if err := json.Unmarshal([]byte(p.body), &m); err != nil {
			h.t.Fatalf("%s %s: %v in %s", method, path, err, p.body)
		}
	}
	return p, m
}

const terminals = "/api/terminal/v1/"

func TestTerminalAPI(t *testing.T) {
	h := newHouse(t)
	p, m := h.call("POST", terminals+"sessions", "terminal-token", `{"method":"card","user":"","value":"04A1B2C3D4","reader":"usb"}`)
	p.wants(t, 201, "")
	user, _ := m["user"].(map[string]any)
	if user["login"] != "anna" || user["display"] != "Anna Bell" || user["email"] != "anna@example.com" || m["offline"] != false || m["expires"] == nil {
		t.Errorf("session %v", m)
	}
	session, _ := m["session"].(string)

	p, _ = h.call("GET", terminals+"sessions/"+session+"/jobs", "terminal-token", "")
	var jobs []job.View
	if err := json.Unmarshal([]byte(p.body), &jobs); err != nil || len(jobs) != 6 || jobs[3].WhyNot != "It is still arriving. Please wait a moment." || jobs[3].Releasable {
		t.Errorf("jobs %s, %v", p.body, err)
	}

	h.desk.took()
	p, m = h.call("POST", terminals+"sessions/"+session+"/release", "terminal-token", `{"jobs":[101,102],"device":"d-1","idempotency_key":"k","copies":2}`)
	p.wants(t, 202, "")
	first, _ := m["release"].(string)
	_, m = h.call("POST", terminals+"sessions/"+session+"/release", "terminal-token", `{"jobs":[101,102],"device":"ricoh, 2nd floor","idempotency_key":"k","copies":2}`)
	if m["release"] != first {
		t.Errorf("the same key made releases %v and %v", first, m["release"])
	}
	p, _ = h.call("POST", terminals+"sessions/"+session+"/release", "terminal-token", `{"jobs":"all"}`)
	p.wants(t, 202, "")
	if took := h.desk.took(); !slices.Equal(took, []string{"release [101 102] copies=2 sides=", "release [101 102] copies=2 sides=", "release all [103] copies=0 sides="}) {
		t.Errorf("asked the desk for %q", took)
	}

	h.desk.becomes(job.StatusNotConfirmed, "Delivered; printing was not confirmed.")
	p, _ = h.call("GET", terminals+"releases/"+first, "terminal-token", "")
	p.wants(t, 200, "", `"jobs":[{"job":101,"status":"printed-not-confirmed","reason":"Delivered; printing was not confirmed."}`)

	p, _ = h.call("DELETE", terminals+"sessions/"+session, "terminal-token", "")
	p.wants(t, 204, "")
	p, _ = h.call("GET", terminals+"sessions/"+session+"/jobs", "terminal-token", "")
	p.wants(t, 404, "", `"reason":"session"`)
}

func TestTerminalAPIRefusals(t *testing.T) {
	tests := map[string]struct {
		method, path, token, body string
		status                    int
		reason                    string
	}{
		"no token":         {"POST", "sessions", "", `{"method":"card","value":"04A1B2C3D4"}`, 401, "token"},
		"wrong token":      {"POST", "sessions", "x", `{"method":"card","value":"04A1B2C3D4"}`, 401, "token"},
		"random card":      {"POST", "sessions", "terminal-token", `{"method":"card","value":"08112233"}`, 401, "random-card"},
		"unknown card":     {"POST", "sessions", "terminal-token", `{"method":"card","value":"FFFF"}`, 401, "unknown-card"},
		"wrong password":   {"POST", "sessions", "terminal-token", `{"method":"password","user":"anna","value":"x"}`, 401, "wrong"},
		"throttled":        {"POST", "sessions", "terminal-token", `{"method":"pin","user":"anna","value":"throttle"}`, 429, "throttled"},
		"not trusted":      {"POST", "sessions", "terminal-token", `{"method":"asserted","user":"anna"}`, 401, "wrong"},
		"no JSON":          {"POST", "sessions", "terminal-token", `hello`, 400, "invalid"},
		"two values":       {"POST", "sessions", "terminal-token", `{"method":"card"}{}`, 400, "invalid"},
		"misspelled":       {"POST", "sessions", "terminal-token", `{"metod":"card"}`, 400, "invalid"},
		"no session":       {"GET", "sessions/none/jobs", "terminal-token", "", 404, "session"},
		"unknown release":  {"GET", "releases/none", "terminal-token", "", 404, "not-found"},
		"other device":     {"GET", "devices/d-9/policy", "terminal-token", "", 403, "denied"},
		"event elsewhere":  {"POST", "devices/d-9/events", "terminal-token", `{"id":"1","kind":"copy","at":"2026-03-02T08:00:00Z"}`, 403, "denied"},
		"event of no kind": {"POST", "devices/d-1/events", "terminal-token", `{"id":"1","kind":"party","at":"2026-03-02T08:00:00Z"}`, 400, "invalid"},
		"event of no time": {"POST", "devices/d-1/events", "terminal-token", `{"id":"1","kind":"copy"}`, 400, "invalid"},
		"event too long":   {"POST", "devices/d-1/events", "terminal-token", `{"id":"` + strings.Repeat("x", 600) + `","kind":"copy","at":"2026-03-02T08:00:00Z"}`, 400, "invalid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p, m := h.call(tt.method, terminals+tt.path, tt.token, tt.body)
			if p.status != tt.status || m["reason"] != tt.reason || m["text"] == "" || m["reference"] == "" {
				t.Errorf("got %d %s, want %d %s", p.status, p.body, tt.status, tt.reason)
			}
			if tt.status == 429 && p.header.Get("Retry-After") != "30" {
				t.Errorf("Retry-After %q", p.header.Get("Retry-After"))
			}
		})
	}
}

func TestReleaseAtAnotherDeviceIsDenied(t *testing.T) {
	h := newHouse(t)
	_, m := h.call("POST", terminals+"sessions", "terminal-token", `{"method":"card","value":"04A1B2C3D4"}`)
	session, _ := m["session"].(string)
	for body, want := range map[string]int{
		`{"jobs":"all","device":"d-2"}`: 403, `{"jobs":"some"}`: 400, `{"jobs":[1.5]}`: 400, `{"jobs":[4711]}`: 404, `{"jobs":"all","copies":-1}`: 400,
	} {
		p, _ := h.call("POST", terminals+"sessions/"+session+"/release", "terminal-token", body)
		p.wants(t, want, "")
	}
}

func TestDeviceEventsAndPolicy(t *testing.T) {
	h := newHouse(t)
	body := `{"id":"e-1","kind":"copy","at":"2026-03-02T08:00:00Z","user":"anna","counters":{"impressions":12}}`
	p, _ := h.call("POST", terminals+"devices/d-1/events", "terminal-token", body)
	p.wants(t, 202, "", `"id":"e-1"`)
	if len(h.events.seen) != 1 || h.events.seen[0].Counters["impressions"] != 12 {
		t.Errorf("kept %v", h.events.seen)
	}
	p, m := h.call("GET", terminals+"devices/d-1/policy", "terminal-token", "")
	p.wants(t, 200, "")
	if m["device"] != "d-1" || m["pin_only"] != false || m["recall_seconds"] != 300.0 || m["register_cards"] != true {
		t.Errorf("policy %v", m)
	}
	h.change(func() { h.server.Events = nil })
	p, _ = h.call("POST", terminals+"devices/d-1/events", "terminal-token", body)
	p.wants(t, 503, "")
}

func TestAPISpeaksTheReadersLanguage(t *testing.T) {
	h := newHouse(t)
	r := h.request("GET", "/api/v1/jobs/1", nil, map[string]string{"Accept-Language": "de"})
	h.do(r).wants(t, 401, "", "Bitte senden Sie ein API-Token mit.")
}

func TestPrintByAPI(t *testing.T) {
	tests := map[string]struct {
		path, token string
		want        job.Origin
		ticket      job.Ticket
		status      int
	}{
		"token with owner and queue": {"?title=Invoice", "erp", job.Origin{Door: "api", Queue: "secure", User: "u-anna"}, job.Ticket{Title: "Invoice"}, 201},
		"and the queue named":        {"?queue=SECURE", "erp", job.Origin{Door: "api", Queue: "secure", User: "u-anna"}, job.Ticket{}, 201},
		"a claim beside a proof":     {"?user=ben", "erp", job.Origin{Door: "api", Queue: "secure", User: "u-anna"}, job.Ticket{Claimed: "ben"}, 201},
		"token without either":       {"?queue=direct&user=ben&title=Label", "any", job.Origin{Door: "api", Queue: "direct"}, job.Ticket{Title: "Label", Claimed: "ben"}, 201},
		"another queue":              {"?queue=direct", "erp", job.Origin{}, job.Ticket{}, 403},
		"no queue named":             {"", "any", job.Origin{}, job.Ticket{}, 400},
		"no such queue":              {"?queue=nope", "any", job.Origin{}, job.Ticket{}, 404},
		"no such token":              {"?queue=secure", "x", job.Origin{}, job.Ticket{}, 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p, m := h.call("POST", "/api/v1/jobs"+tt.path, tt.token, "%!PS hello")
			p.wants(t, tt.status, "")
			if tt.status != 201 {
				if len(h.intake.jobs) != 0 {
					t.Error("a refused job arrived")
				}
				return
			}
			j := h.intake.jobs[0]
			tt.want.Client = j.Origin.Client
			if j.Origin != tt.want || j.Ticket.Title != tt.ticket.Title || j.Ticket.Claimed != tt.ticket.Claimed || j.Octets != 10 {
				t.Errorf("arrived %+v %+v", j.Origin, j.Ticket)
			}
			if m["uuid"] != j.UUID || m["state"] != "pending-held" || p.header.Get("Location") != "/api/v1/jobs/"+j.UUID {
				t.Errorf("answer %v %v", m, p.header)
			}
		})
	}
}

func TestPrintByForm(t *testing.T) {
	h := newHouse(t)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("queue", "direct")
	_ = w.WriteField("title", "Étiquette")
	_ = w.WriteField("user", "ben")
	f, _ := w.CreateFormFile("file", "label.zpl")
	_, _ = io.WriteString(f, "^XA^XZ")
	_ = w.Close()
	r := h.request("POST", "/api/v1/jobs", &b, map[string]string{"Authorization": "Bearer any", "Content-Type": w.FormDataContentType()})
	h.do(r).wants(t, 201, "", `"title":"Étiquette"`, `"claimed":"ben"`, `"octets":6`)
	if j := h.intake.jobs[0]; j.Documents[0].Name != "label.zpl" {
		t.Errorf("document %+v", j.Documents[0])
	}
	for name, body := range map[string]string{
		"no file":  "--x\r\nContent-Disposition: form-data; name=\"queue\"\r\n\r\nsecure\r\n--x--\r\n",
		"not one":  "hello",
		"cut file": "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc",
	} {
		r := h.request("POST", "/api/v1/jobs?queue=secure", strings.NewReader(body), map[string]string{"Authorization": "Bearer any", "Content-Type": "multipart/form-data; boundary=x"})
		if p := h.do(r); p.status != 400 {
			t.Errorf("%s: got %d %s", name, p.status, p.body)
		}
	}
	if len(h.intake.jobs) != 1 || h.intake.gone != 1 {
		t.Errorf("%d jobs, %d abandoned", len(h.intake.jobs), h.intake.gone)
	}
}

// A06: a program that leaves in the middle leaves nothing behind.
func TestA06PrintCutShort(t *testing.T) {
	h := newHouse(t)
	h.intake.opened = make(chan struct{}, 1)
	c := tls.Client(h.dial(), &tls.Config{InsecureSkipVerify: true})
	fmt.Fprint(c, "POST /api/v1/jobs?queue=secure HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer any\r\nContent-Length: 1000\r\n\r\nhalf a doc")
	<-h.intake.opened
	_ = c.Close()
	h.http.Close() // waits for the handler
	if len(h.intake.jobs) != 0 || h.intake.gone != 1 {
		t.Errorf("%d jobs, %d abandoned", len(h.intake.jobs), h.intake.gone)
	}
}

func TestPrintRefusedByIntake(t *testing.T) {
	h := newHouse(t)
	p, _ := h.call("POST", "/api/v1/jobs?queue=secure", "any", strings.Repeat("x", 1<<20+1))
	p.wants(t, 413, "", `"reason":"too-large"`)
	h.change(func() {
		h.intake.err = &fault.Error{Op: "fake", Kind: fault.Full, Text: "There is no room for this document."}
	})
	p, _ = h.call("POST", "/api/v1/jobs?queue=secure", "any", "x")
	p.wants(t, 507, "", `"reason":"full"`)
}

// A17: a job is there only for the token that it came with.
func TestA17JobsOfOtherTokens(t *testing.T) {
	h := newHouse(t)
	_, m := h.call("POST", "/api/v1/jobs", "erp", "x")
	uuid, _ := m["uuid"].(string)
	for _, id := range []string{uuid, "1"} {
		p, _ := h.call("GET", "/api/v1/jobs/"+id, "erp", "")
		p.wants(t, 200, "", uuid)
		p, m := h.call("GET", "/api/v1/jobs/"+id, "any", "")
		p.wants(t, 404, "", "There is no such job.")
		none, n := h.call("GET", "/api/v1/jobs/999", "any", "")
		if none.status != p.status || n["text"] != m["text"] || n["reason"] != m["reason"] {
			t.Errorf("another's job and no job are told apart: %s, %s", p.body, none.body)
		}
	}
}

// The description and the routes are the same list.
func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	h := newHouse(t)
	p := h.get("/api/openapi.json")
	var doc struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(p.body), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	known := map[string]bool{}
	for _, r := range routes {
		if r.face == page || strings.HasPrefix(r.path, "/assets/") {
			continue
		}
		known[r.path+" "+strings.ToLower(r.method)] = true
		op, ok := doc.Paths[r.path][strings.ToLower(r.method)]
		if !ok {
			t.Errorf("%s %s is not described", r.method, r.path)
			continue
		}
		var o struct {
			Security []map[string]any `json:"security"`
		}
		if err := json.Unmarshal(op, &o); err != nil {
			t.Error(err)
		}
		members := []string{"session", "adminToken"}
		want := map[role][]string{box: {"terminalToken"}, boxed: {"terminalToken"}, program: {"apiToken"}, visitors: {"apiToken"}, bringer: {"bringerToken"}, member: members, helper: members, reader: members, administrator: members}[r.role]
		same := len(o.Security) == len(want)
		for i := range want {
			same = same && o.Security[i][want[i]] != nil
		}
		if !same {
			t.Errorf("%s %s: security is %v, want %q", r.method, r.path, o.Security, want)
		}
	}
	for path, ops := range doc.Paths {
		for method := range ops {
			if !known[path+" "+method] {
				t.Errorf("%s %s is described and does not exist", method, path)
			}
		}
	}
	for _, part := range strings.Split(p.body, "#/components/schemas/")[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s does not exist", name)
		}
	}
}

// What the API answers has exactly the fields that its description has.
func TestOpenAPIDescribesTheAnswers(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"Problem": problem{}, "Session": apiSession{}, "Job": job.View{}, "Unclaimed": job.Found{}, "Claim": apiClaim{}, "Claimed": apiClaimed{}, "Policy": policy{}, "SentJob": apiJobView{}, "Me": apiMeView{}, "PeopleReadiness": directory.Readiness{},
		"Reading": apiReading{Session: &apiSession{}, Reason: "x", Text: "x", Retry: 1},
		"Stand":   directory.Stand{}, "Run": directory.Run{DryRun: true},
		"NewGuest": apiNewGuest{}, "GuestSlip": directory.ToldSlip{}, "Guest": apiGuest{},
		"CardPlace": CardPlace{}, "CardPlaceName": apiPlace{}, "NewCardRule": apiNewRule{}, "CardShown": apiShown{}, "CardPair": CardPair{}, "CardQuestion": CardQuestion{},
		"LearnedCardRules": Learned{}, "LearnedCardRule": LearnedRule{}, "LearnedCard": LearnedCard{},
		"CertificateFinding": pki.Finding{}, "Certificate": pki.Description{}, "CertificateChain": pki.View{}, "CertificateRow": pki.Row{}, "CertificateProblem": judgedProblem{},
		"NewCertificateChain": apiNewChain{}, "GenerateChain": apiGenerate{}, "NewCertificateRequest": apiRequest{}, "CertificateRequest": apiRequested{}, "CertificateFile": apiFile{},
		"ChainChoice": apiChoice{}, "CertificateDomain": pki.DomainView{}, "NewDomain": apiDomain{}, "TrustedAuthority": pki.TrustedView{}, "NewTrusted": apiNewTrusted{},
		"ConnectionTest": apiTest{}, "TrustAnchor": pki.Anchor{}, "ConnectionReport": pki.Report{}, "SigningChoice": apiSigner{}, "Sure": apiSure{}, "SignedCertificate": apiSigned{},
		"Event": Event{User: "x", Counters: map[string]int64{"x": 1}, State: "x"},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		for field := range m {
			if doc.Components.Schemas[name].Properties[field] == nil {
				t.Errorf("%s.%s is not described", name, field)
			}
		}
		for field := range doc.Components.Schemas[name].Properties {
			if _, ok := m[field]; !ok {
				t.Errorf("%s.%s is described and not answered", name, field)
			}
		}
	}
}
