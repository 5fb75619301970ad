package device

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"platen/fault"
	"platen/ipp"
	"platen/site"
)

// ippPort is that of ipp and of ipps (RFC 8010, section 3; RFC 7472, section 5).
const ippPort = 631

// ippPath is where IPP Everywhere has its printer (PWG 5100.14, section 4.2).
const ippPath = "/ipp/print"

// ippDevice is a printer that speaks IPP: the one kind of device that can be
// asked afterwards what became of a job.
type ippDevice struct {
	id     string // of the site.Device
	scheme string // "ipp" or "ipps"
	host   host
	path   string
	traits traits
	set    Settings
}

func newIPP(u *url.URL, id string, t traits, s Settings) (*ippDevice, error) {
	h, err := parseHost(u, ippPort, s)
	if err != nil {
		return nil, err
	}
	return &ippDevice{id: id, scheme: strings.ToLower(u.Scheme), host: h, path: pathOf(u), traits: t, set: s}, nil
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return ippPath
}

// uri is the printer-uri.
func (p *ippDevice) uri() string {
	if p.host.port == ippPort {
		name := p.host.name
		if strings.Contains(name, ":") {
			name = "[" + name + "]"
		}
		return p.scheme + "://" + name + p.path
	}
	return p.scheme + "://" + p.host.String() + p.path
}

// post is where the requests go.
func (p *ippDevice) post() string {
	if p.scheme == "ipps" {
		return "https://" + p.host.String() + p.path
	}
	return "http://" + p.host.String() + p.path
}

// Condition asks the printer for its state.
func (p *ippDevice) Condition(ctx context.Context) (site.Condition, error) {
	now := p.set.Now()
	if p.traits.OneConnection { // somebody may be printing
		return site.Condition{State: "unknown", Since: now}, nil
	}
	limited, cancel := context.WithTimeout(ctx, min(p.set.Answer, 30*time.Second))
	defer cancel()
	a, err := p.printerAttributes(limited, aboutState...)
	switch {
	case ctx.Err() != nil:
		return site.Condition{}, fmt.Errorf("device.Condition: %w", ctx.Err())
	case limited.Err() != nil:
		return site.Condition{State: "stopped", Text: textNoAnswer, Since: now}, nil
	case err != nil:
		return site.Condition{State: "stopped", Text: fault.Text(err), Since: now}, nil
	}
	said := ipp.Texts(a, "printer-state-reasons")
	c := site.Condition{State: "idle", Text: reasonsText(said), Since: now, Seen: now, Reasons: reasonWords(said)}
	switch state, _ := ipp.Int(a, "printer-state"); state {
	case ippProcessing:
		c.State = "processing"
	case ippStopped:
		c.State = "stopped"
	}
	if accepts, said := ipp.Bool(a, "printer-is-accepting-jobs"); said && !accepts {
		c.State = "stopped"
		if c.Text == "" {
			c.Text = textNotAccepting
		}
	}
	return c, nil
}

// stateTexts say in our words what keeps a printer from printing, what stops it
// first. Names are those of RFC 8011, section 5.4.12, PWG 5100.9 and the
// registry, without their severity.
var stateTexts = []struct {
	text    string
	reasons []string
}{
	{"Paper is jammed in the device.", []string{"media-jam"}},
	{"The device needs paper.", []string{"media-empty", "media-needed"}},
	{"A door of the device is open.", []string{"door-open", "cover-open", "interlock-open"}},
	{"The device has no toner or ink left.", []string{"toner-empty", "marker-supply-empty", "marker-ink-empty", "marker-toner-empty", "developer-empty"}},
	{"The waste container of the device is full.", []string{"marker-waste-full", "marker-waste-toner-full"}},
	{"A paper tray of the device is missing.", []string{"input-tray-missing", "output-tray-missing"}},
	{"The output tray of the device is full.", []string{"output-area-full", "output-tray-full"}},
	{"The device has a fault and needs service.", []string{"fuser-over-temp", "fuser-under-temp", "opc-life-over", "service-needed", "hardware-failure"}},
	{"Somebody has paused the device.", []string{"paused", "moving-to-paused"}},
	{"The device is switched off, or its network does not work.", []string{"shutdown", "connecting-to-device", "timed-out", "offline"}},
	{"The device needs attention.", []string{"other", "spool-area-full", "deactivated", "stopped-partly"}},
	{"The device is low on paper.", []string{"media-low"}},
	{"The device is low on toner or ink.", []string{"toner-low", "marker-supply-low", "marker-ink-low", "marker-toner-low", "developer-low"}},
	{"The output tray of the device is almost full.", []string{"output-area-almost-full", "output-tray-almost-full"}},
	{"The waste container of the device is almost full.", []string{"marker-waste-almost-full", "marker-waste-toner-almost-full"}},
}

// reasonsText returns the sentence for the worst of them, "" for none that
// people have to know.
func reasonsText(reasons []string) string {
	plain := make([]string, 0, len(reasons))
	severe := false
	for _, r := range reasons {
		name, isError := strings.CutSuffix(r, "-error")
		severe = severe || isError
		plain = append(plain, strings.TrimSuffix(strings.TrimSuffix(name, "-warning"), "-report"))
	}
	for _, t := range stateTexts {
		if slices.ContainsFunc(plain, func(r string) bool { return slices.Contains(t.reasons, r) }) {
			return t.text
		}
	}
	if severe {
		return "The device needs attention."
	}
	return ""
}
