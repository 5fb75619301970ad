package entra

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// page is one part of a collection. Next leads to the following one; Delta, on
// the last page of a delta query, to what will have changed.
type page struct {
	Items []item
	Next  string
	Delta string
}

// item is an object in a page: its id, whether it is gone, and the properties
// that came along.
type item struct {
	ID      string
	Type    string // "#microsoft.graph.user"; "" in a collection of one type
	Removed bool
	Fields  map[string]json.RawMessage
}

// parsePage reads a page. One that does not say how it goes on is broken off,
// if it is of a delta query: taken for the end it would make people leave.
func parsePage(b []byte, delta bool) (page, error) {
	var raw struct {
		Value *[]json.RawMessage `json:"value"`
		Next  string             `json:"@odata.nextLink"`
		Delta string             `json:"@odata.deltaLink"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return page{}, fmt.Errorf("a page is not JSON: %w", err)
	}
	switch {
	case raw.Value == nil:
		return page{}, errors.New("a page has no value")
	case raw.Next != "" && raw.Delta != "":
		return page{}, errors.New("a page has a nextLink and a deltaLink")
	case delta && raw.Next == "" && raw.Delta == "":
		return page{}, errors.New("a page has neither nextLink nor deltaLink")
	}
	p := page{Next: raw.Next, Delta: raw.Delta, Items: make([]item, 0, len(*raw.Value))}
	for _, v := range *raw.Value {
		i, err := parseItem(v)
		if err != nil {
			return page{}, err
		}
		p.Items = append(p.Items, i)
	}
	return p, nil
}

func parseItem(b []byte) (item, error) {
	var i item
	if err := json.Unmarshal(b, &i.Fields); err != nil {
		return item{}, fmt.Errorf("an object cannot be read: %w", err)
	}
	i.ID, i.Type = text(i.Fields["id"]), text(i.Fields["@odata.type"])
	if !objectID.MatchString(i.ID) {
		return item{}, errors.New("an object has no id")
	}
	removed, ok := i.Fields["@removed"]
	i.Removed = ok && string(removed) != "null"
	return i, nil
}

// text returns a JSON string, "" for whatever else it is.
func text(raw json.RawMessage) string {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return ""
	}
	return s
}

// walk follows a collection from link to its end, and returns the deltaLink
// there. Whatever comes back a second time is a loop.
func (t *talk) walk(ctx context.Context, link string, delta bool, take func(item) error) (string, error) {
	seen := map[[sha256.Size]byte]bool{}
	for {
		mark := sha256.Sum256([]byte(link))
		if seen[mark] {
			return "", unusable("entra.walk", errors.New("the links lead round in a circle"))
		}
		seen[mark] = true
		if t.pages++; t.pages > maxPages {
			return "", tooMuch(fmt.Errorf("more than %d pages", maxPages))
		}
		p, err := t.page(ctx, link, delta)
		if err != nil {
			return "", err
		}
		for _, i := range p.Items {
			if err := take(i); err != nil {
				return "", err
			}
		}
		if p.Next == "" {
			return p.Delta, nil
		}
		link = p.Next
	}
}

// page asks for one page and checks the link it gives.
func (t *talk) page(ctx context.Context, link string, delta bool) (page, error) {
	b, err := t.get(ctx, link, nil)
	if err != nil {
		return page{}, err
	}
	p, err := parsePage(b, delta)
	if err != nil {
		return page{}, unusable("entra.page", err)
	}
	return p, t.follow(orElse(orElse(p.Next, p.Delta), t.url("/")))
}

// count keeps the number of entries within bounds and tells it to who waits.
func (t *talk) count() error {
	if t.entries++; t.entries > maxEntries {
		return tooMuch(fmt.Errorf("more than %d entries", maxEntries))
	}
	if t.progress != nil {
		t.progress(t.entries)
	}
	return nil
}

func (t *talk) countMember() error {
	if t.members++; t.members > maxMembers {
		return tooMuch(fmt.Errorf("more than %d members", maxMembers))
	}
	return nil
}
