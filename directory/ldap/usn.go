package ldap

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"
)

// beginUSN notes the update sequence number of now. It is the server's own: it is
// kept with the name of the server and of its database, which gets a new one when
// it was restored (MS-ADTS 3.1.1.1.9).
func (r *reading) beginUSN(ctx context.Context, c *cursor) error {
	if r.root.usn == 0 || r.root.service == "" {
		return readAll("the server has no update sequence number")
	}
	var err error
	c.Server, c.USN = r.root.service, r.root.usn
	if c.Database, err = r.invocation(ctx); err != nil {
		return err
	}
	c.Hears, err = r.seesTombstones(ctx)
	return err
}

// invocation returns the name of the server's database, nil when this account may
// not see it.
func (r *reading) invocation(ctx context.Context) ([]byte, error) {
	q := query{base: r.root.service, filter: "(objectClass=*)", attrs: []string{"invocationId"}}
	res, err := r.search(ctx, q.request(0))
	if refused(err) || err == nil && len(res.Entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []byte(value(res.Entries[0], "invocationId")), nil
}

// seesTombstones reports whether this account sees anything that was deleted, and
// so will see what is.
func (r *reading) seesTombstones(ctx context.Context) (bool, error) {
	for _, nc := range r.contexts() {
		q := query{
			base: nc, scope: goldap.ScopeWholeSubtree, filter: "(isDeleted=TRUE)", attrs: []string{attrGUID},
			controls: []goldap.Control{goldap.NewControlMicrosoftShowDeleted()},
		}
		res, err := r.search(ctx, q.request(0, goldap.NewControlPaging(10)))
		if err != nil && !refused(err) {
			return false, err
		}
		for i := 0; err == nil && i < len(res.Entries); i++ {
			if strings.Contains(strings.ToUpper(res.Entries[i].DN), `\0ADEL:`) { // the container is marked as deleted too
				return true, nil
			}
		}
	}
	return false, nil
}

// byUSN asks what has changed since the number, in the whole naming context, so
// that who has moved away is heard of.
func (r *reading) byUSN(ctx context.Context, c *cursor) (delta, error) {
	d := delta{moved: map[string]bool{}}
	database, err := r.invocation(ctx)
	if err != nil {
		return d, err
	}
	if r.root.service != c.Server || !bytes.Equal(database, c.Database) || r.root.usn < c.USN {
		return d, readAll("this is another domain controller than before, or it was restored")
	}
	since := fmt.Sprintf("(uSNChanged>=%d)", c.USN+1)
	for _, nc := range r.contexts() {
		for _, q := range []query{
			{filter: since},
			{filter: "(&(isDeleted=TRUE)" + since + ")", controls: []goldap.Control{goldap.NewControlMicrosoftShowDeleted()}},
		} {
			q.base, q.scope, q.attrs = nc, goldap.ScopeWholeSubtree, []string{attrGUID}
			err := r.pages(ctx, q, func(entries []*goldap.Entry) error {
				for _, e := range entries {
					d.add(r.key(e), true)
				}
				if len(d.keys) > maxDelta {
					return readAll("more than %d entries have changed", maxDelta)
				}
				return nil
			})
			if err != nil {
				return d, err
			}
		}
	}
	c.USN = r.root.usn
	return d, nil
}
