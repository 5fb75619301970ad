package notify

import "time"

// Ending is a certificate that ends soon, or has ended, as a message tells of it.
type Ending struct {
	Name    string // what it is called here
	Subject string // as the certificate says, RFC 4514
	Use     string // "server", "signing", "root", "issuing"; "trusted" of an authority of others
	From    string // "built-in", "imported", "request", "acme", "watched"; "" of an authority of others
	Ends    time.Time
	Trouble string // why it could not be renewed: an English sentence; ""
}

// CertificatesEnd tells an administrator which certificates end and what to do about
// each of them, as it is at a time.
func CertificatesEnd(say Translate, language, name, node string, list []Ending, now time.Time) Message {
	subject := line{Text: "Certificates of %s end soon", Args: []any{clean(node)}}
	lines := []line{{Text: "These certificates of the print service on %s end, or have ended:", Args: []any{clean(node)}}}
	for i := range list {
		e := &list[i]
		if !now.Before(e.Ends) {
			subject = line{Text: "Certificates of %s have ended", Args: []any{clean(node)}}
		}
		lines = append(lines, e.when(now), e.remedy())
		if e.Trouble != "" {
			lines = append(lines, line{Text: "The last attempt to renew it failed: %s", Args: []any{cleanTo(e.Trouble, 500)}})
		}
	}
	lines = append(lines, line{Text: "Documents that are sent by LPR are printed all the same. Everything about certificates is shown by: platen doctor"})
	return say.letter(language, name, subject, lines...)
}

// when says what ends, and when.
func (e *Ending) when(now time.Time) line {
	args := []any{clean(e.Name), cleanTo(e.Subject, 200), e.Ends.Format(stamp)}
	days := int(e.Ends.Sub(now) / (24 * time.Hour))
	switch {
	case !now.Before(e.Ends):
		return line{Text: "“%s” (%s) ended on %s.", Args: args}
	case days == 0:
		return line{Text: "“%s” (%s) ends on %s, within a day.", Args: args}
	case days == 1:
		return line{Text: "“%s” (%s) ends on %s, in one day.", Args: args}
	}
	return line{Text: "“%s” (%s) ends on %s, in %d days.", Args: append(args, days)}
}

// remedy says what somebody has to do, which rests on where a certificate comes from.
func (e *Ending) remedy() line {
	name := []any{clean(e.Name)}
	switch {
	case e.Use == "trusted":
		return line{Text: "It is an authority that this node trusts. Ask whoever runs it for its next certificate, and import that: platen cert trust import FILE. What it is trusted for says: platen cert trust list"}
	case e.Use == "root":
		return line{Text: "It is the built-in authority of this node. Make a new one with platen cert ca generate, and give its certificate to all clients; the page /trust says how."}
	case e.From == "imported" && e.Use == "signing":
		return line{Text: "It signs API tokens, and nobody renews it by itself. Import the next one: platen cert signing import %s FILE", Args: name}
	case e.From == "imported":
		return line{Text: "It was imported, and nobody renews it by itself. Import the next one: platen cert chain import %s FILE", Args: name}
	case e.From == "request":
		return line{Text: "An authority issued it on request. Make the next request, and give it to the authority: platen cert chain renew %s FILE", Args: name}
	case e.From == "watched":
		return line{Text: "It comes from files that another program renews, and that one has not. Which files these are says: platen cert chain show %s", Args: name}
	case e.From == "acme":
		return line{Text: "The node renews it by itself at an ACME server. It has not succeeded yet, and tries again."}
	}
	return line{Text: "The node renews it by itself and could not. The reason is in its log."}
}
