package lpd

import (
	"slices"

	"platen/job"
)

// pending is a job that is being put together from its control file and its
// data files.
type pending struct {
	arrival job.Arrival
	number  string // the three digits that the names of its files share; section 6.2 and 6.3
	control *controlFile
	docs    []arrived // in the order of their arrival
}

// arrived is a data file that is in the spool.
type arrived struct {
	name   string // as in the subcommand
	number int    // as the intake calls it
}

// jobNumber returns the digits of "dfA123host". The host is left out: there
// are clients that write it in one of the two names only.
func jobNumber(name string) string {
	rest := name[min(3, len(name)):]
	end := 0
	for end < min(3, len(rest)) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	return rest[:end]
}

// complete reports whether every file that the control file names has come.
func (p *pending) complete() bool {
	return p.control != nil && len(p.docs) == len(p.control.Documents)
}

func (p *pending) has(name string) bool {
	return slices.ContainsFunc(p.docs, func(a arrived) bool { return a.name == name })
}

// wants reports whether the control file names a data file that has not come.
func (p *pending) wants(name string) bool {
	return p.control != nil && !p.has(name) && p.control.find(name) >= 0
}

// find returns where the control file names a data file, or -1. Case counts:
// dfA and dfa are two files of one job.
func (cf *controlFile) find(name string) int {
	return slices.IndexFunc(cf.Documents, func(d printed) bool { return d.File == name })
}

// encoding returns the code page of the queue.
func (p *pending) encoding() string {
	if e, ok := p.arrival.(Encoder); ok {
		return e.Encoding()
	}
	return windows1252
}

// documentName returns what the control file calls the document in a data
// file; "" while nobody knows.
func (p *pending) documentName(file string) string {
	if p.control == nil {
		return ""
	}
	if i := p.control.find(file); i >= 0 {
		return decode(p.control.Documents[i].Name, p.encoding(), maxName)
	}
	return ""
}

// job returns the ticket and the documents in the order of their print lines.
// Files that the control file calls by other names take the places left, in the
// order of their arrival. Without a control file nothing is known but the
// documents.
func (p *pending) job() (job.Ticket, []job.Piece) {
	if p.control == nil {
		order := make([]job.Piece, len(p.docs))
		for i, a := range p.docs {
			order[i] = job.Piece{Number: a.number, Copies: 1}
		}
		return job.Ticket{}, order
	}
	order := make([]job.Piece, len(p.control.Documents))
	var others []arrived
	for _, a := range p.docs {
		if i := p.control.find(a.name); i >= 0 {
			order[i].Number = a.number
		} else {
			others = append(others, a)
		}
	}
	for i, d := range p.control.Documents {
		if order[i].Number == 0 {
			order[i].Number, others = others[0].number, others[1:]
		}
		order[i].Name = decode(d.Name, p.encoding(), maxName)
		order[i].Copies = d.Copies
	}
	return p.control.ticket(p.encoding()), order
}

// forData finds the job that a data file belongs to: one whose control file
// names it; else one whose control file came before it and has the same job
// number; else the data files of the same job number that wait for their
// control file; else a new one.
func (s *session) forData(name string) (*pending, error) {
	number := jobNumber(name)
	for _, fits := range []func(*pending) bool{
		func(p *pending) bool { return p.wants(name) },
		func(p *pending) bool { return p.control != nil && p.number == number && !p.has(name) },
		func(p *pending) bool { return p.control == nil && p.number == number && !p.has(name) },
	} {
		if i := slices.IndexFunc(s.open, fits); i >= 0 {
			return s.open[i], nil
		}
	}
	return s.begin(number)
}

// forControl finds the data files that a control file speaks of: those it
// names, else those of its job number. A control file that leaves out some of
// them is refused: nobody could say whose they are.
func (s *session) forControl(name string, cf *controlFile) (*pending, error) {
	number := jobNumber(name)
	waits := func(p *pending) bool { return p.control == nil }
	i := slices.IndexFunc(s.open, func(p *pending) bool {
		return waits(p) && slices.ContainsFunc(p.docs, func(a arrived) bool { return cf.find(a.name) >= 0 })
	})
	if i < 0 {
		i = slices.IndexFunc(s.open, func(p *pending) bool { return waits(p) && p.number == number })
	}
	if i < 0 {
		p, err := s.begin(number)
		if err == nil {
			p.control = cf
		}
		return p, err
	}
	p := s.open[i]
	if len(p.docs) > len(cf.Documents) {
		return nil, invalid("lpd.control", "The print client's control file does not name all its documents.")
	}
	p.control = cf
	return p, nil
}

// begin starts a job on this connection.
func (s *session) begin(number string) (*pending, error) {
	a, err := s.arrival()
	if err != nil {
		return nil, err
	}
	p := &pending{arrival: a, number: number}
	s.open = append(s.open, p)
	return p, nil
}

// forget takes a job that was submitted out of the session.
func (s *session) forget(p *pending) {
	s.data -= len(p.docs)
	if p.control != nil {
		s.controls--
	}
	s.open = slices.DeleteFunc(s.open, func(o *pending) bool { return o == p })
}
