package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxBatch is how many requests one batch may hold.
const maxBatch = 20

type batchRequest struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	URL    string `json:"url"`
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

// whole reads objects again, whatever their number: "/users" or "/groups", their
// ids, and what of them. One that is not there any more, or not there yet, is
// errAgain.
func (t *talk) whole(ctx context.Context, collection string, ids []string, selected string, take func(item) error) error {
	for some := range slices.Chunk(ids, maxBatch) {
		if err := t.some(ctx, collection, some, selected, take); err != nil {
			return err
		}
	}
	return nil
}

// some reads at most maxBatch objects. Those that the service was too busy for
// are asked for again in another batch, after the longest of their waits.
func (t *talk) some(ctx context.Context, collection string, ids []string, selected string, take func(item) error) error {
	for attempt := 0; len(ids) > 0; attempt++ {
		requests := make([]batchRequest, len(ids))
		for i, id := range ids {
			requests[i] = batchRequest{strconv.Itoa(i), http.MethodGet, query(collection+"/"+id, "$select", selected)}
		}
		responses, err := t.batch(ctx, requests)
		if err != nil {
			return err
		}
		var again []string
		longest, asked := -1.0, ""
		for i, id := range ids {
			r := responses[i]
			if busy(r.Status) {
				again = append(again, id)
				if d, ok := parseRetryAfter(r.header("Retry-After"), t.now()); ok && d.Seconds() > longest {
					longest, asked = d.Seconds(), r.header("Retry-After")
				}
				continue
			}
			if err := r.take(id, take); err != nil {
				return err
			}
		}
		if ids = again; len(ids) > 0 {
			if err := t.wait(ctx, attempt, asked); err != nil {
				return err
			}
		}
	}
	return nil
}

// batch sends requests and returns their responses in the same order, whatever
// order they came in.
func (t *talk) batch(ctx context.Context, requests []batchRequest) ([]batchResponse, error) {
	body, err := json.Marshal(map[string]any{"requests": requests})
	if err != nil {
		return nil, fmt.Errorf("entra.batch: %w", err)
	}
	a, err := t.ask(ctx, http.MethodPost, t.url("/$batch"), http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return nil, err
	}
	// With a request in it that was throttled, the batch may be 424 as a whole.
	if a.status != http.StatusOK && a.status != http.StatusFailedDependency {
		return nil, refusal(a.status, a.body)
	}
	responses, err := parseBatch(a.body, len(requests))
	if err != nil {
		return nil, unusable("entra.batch", err)
	}
	return responses, nil
}

// parseBatch reads the responses to n requests with the ids 0 to n-1, each of
// which has exactly one.
func parseBatch(b []byte, n int) ([]batchResponse, error) {
	var r struct {
		Responses []batchResponse `json:"responses"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("a batch is not JSON: %w", err)
	}
	ordered := make([]batchResponse, n)
	for _, one := range r.Responses {
		i, err := strconv.Atoi(one.ID)
		if err != nil || i < 0 || i >= n || ordered[i].Status != 0 || one.Status < 100 {
			return nil, errors.New("a batch has a response to no request")
		}
		ordered[i] = one
	}
	if len(r.Responses) != n {
		return nil, fmt.Errorf("a batch has %d responses to %d requests", len(r.Responses), n)
	}
	return ordered, nil
}

func (r *batchResponse) header(name string) string {
	for k, v := range r.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// take hands the object with this id on.
func (r *batchResponse) take(id string, take func(item) error) error {
	switch {
	case r.Status == http.StatusNotFound:
		return fmt.Errorf("entra.batch: %w: an object that has changed is not there", errAgain)
	case r.Status != http.StatusOK:
		return refusal(r.Status, r.Body)
	}
	i, err := parseItem(r.Body)
	if err == nil && i.ID != id {
		err = errors.New("another object than the one asked for")
	}
	if err != nil {
		return unusable("entra.batch", err)
	}
	return take(i)
}
