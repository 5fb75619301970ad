package store

import (
	"encoding/json"
	"strconv"

	"platen/job"
)

// sealedJob is what of a job must not be read in the database.
type sealedJob struct {
	ticket   string // JSON, nothing personal
	personal []byte
	names    [][]byte // of the documents
}

func (s Scope) sealJob(j *job.Job) (sealedJob, error) {
	open, closed := j.Ticket, job.Ticket{Title: j.Ticket.Title, Class: j.Ticket.Class, Banner: j.Ticket.Banner, Account: j.Ticket.Account, Extra: j.Ticket.Extra}
	open.Title, open.Class, open.Banner, open.Account, open.Extra, open.Claimed = "", "", "", "", nil, ""
	public, err := json.Marshal(open)
	if err != nil {
		return sealedJob{}, err
	}
	private, err := json.Marshal(closed)
	if err != nil {
		return sealedJob{}, err
	}
	row := sealedJob{ticket: string(public), names: make([][]byte, len(j.Documents))}
	named := len(private) > len("{}")
	for i, d := range j.Documents {
		if d.Name == "" {
			continue
		}
		named = true // so that forgetting finds the job
		if row.names[i], err = s.st.titles.SealTitle(d.Name, s.aad("document", j.UUID, strconv.Itoa(d.Number))); err != nil {
			return sealedJob{}, err
		}
	}
	if named {
		row.personal, err = s.st.titles.SealTitle(string(private), s.aad("job", j.UUID))
	}
	return row, err
}

// aad says where a sealed text belongs.
func (s Scope) aad(kind string, ids ...string) []byte {
	b := []byte(kind + "\x00" + s.tenant)
	for _, id := range ids {
		b = append(b, '\x00')
		b = append(b, id...)
	}
	return b
}

// unseal opens a sealed text. One that cannot be opened counts as forgotten: a
// key that is gone must not keep anybody from printing.
func (s Scope) unseal(sealed []byte, kind string, ids ...string) string {
	if len(sealed) == 0 {
		return ""
	}
	plain, err := s.st.titles.OpenTitle(sealed, s.aad(kind, ids...))
	if err != nil {
		if !s.st.sealed.Swap(true) { // once, not for every job
			s.st.log.Warn("store: a title cannot be opened; is the right key in place?", "error", err)
		}
		return ""
	}
	return plain
}
