package device

import (
	"context"
	"errors"
	"maps"
	"slices"

	"platen/job"
)

// Ask looks for the jobs that a delivery made, has the printer forget those
// whose documents never came to their end, and follows the others to theirs.
func (p *ippDevice) Ask(ctx context.Context, uuid, send string) (Result, bool, error) {
	none := Result{Octets: job.Unknown, Impressions: job.Unknown, Sheets: job.Unknown}
	s := p.session(ctx, "")
	defer s.close()
	found, err := s.find(ctx, mark(uuid, send))
	if err != nil || len(found) == 0 {
		return none, false, err
	}
	a := answer{parts: map[int]ippJob{}, of: 1}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		st, err := s.outcome(ctx, found[id])
		if errors.Is(err, errForgotten) {
			return none, false, nil
		}
		if err != nil {
			return none, false, err
		}
		a.add(st, found[id].name, mark(uuid, send))
	}
	res, err := a.result()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return res, true, err
}

// outcome waits for the end of a job that was found.
func (s *ippSession) outcome(ctx context.Context, was ippJob) (ippJob, error) {
	switch {
	case was.done():
		return was, nil
	case was.incoming():
		return s.cancel(ctx, was.id)
	}
	st, err := s.follow(ctx, was.id, func(ippJob) {})
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrLeave) {
		return s.cancel(ctx, was.id)
	}
	return st, err
}

// answer is what the jobs of one delivery come to.
type answer struct {
	parts               map[int]ippJob // of each the last that was made
	of                  int
	impressions, sheets int
	octets              int64
}

func (a *answer) add(st ippJob, name, mark string) {
	part, parts := partOf(name, mark)
	a.parts[part], a.of = st, parts
	a.impressions, a.sheets = addCounts(a.impressions, st.impressions), addCounts(a.sheets, st.sheets)
	if a.octets == job.Unknown || st.octets == job.Unknown {
		a.octets = job.Unknown
		return
	}
	a.octets += st.octets
}

func (a *answer) result() (Result, error) {
	res := Result{Octets: a.octets, Evidence: job.Partial, Impressions: a.impressions, Sheets: a.sheets}
	completed := 0
	err := unavailable("device.ipp", textBroken, nil) // when what is missing was never sent
	for _, st := range a.parts {
		switch {
		case st.state == ippCompleted:
			completed++
		case st.state != ippCanceled || st.byPerson():
			err = st.ended()
		}
	}
	switch {
	case completed == a.of:
		res.Evidence, res.Detail = job.Confirmed, textReported
		res.Impressions, res.Sheets = printed(res.Impressions), printed(res.Sheets)
		return res, nil
	case completed == 0 && a.impressions == 0:
		res.Evidence, res.Octets = job.NoneAccepted, 0
	}
	return res, err
}

// byPerson reports whether somebody canceled the job at the device, and not we
// over the network.
func (j *ippJob) byPerson() bool {
	return slices.ContainsFunc(j.reasons, func(r string) bool { return r == "job-canceled-at-device" || r == "job-canceled-by-operator" })
}

const textReported = "The device reported the end of the job."
