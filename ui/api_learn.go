package ui

import (
	"context"
	"net/http"

	"platen/fault"
)

// apiPlaces tells the readers and the terminals that have a rule.
func (s *Server) apiPlaces(v *visit) error {
	places, err := s.Cards.Places(v.ctx())
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, nonNil(places))
}

// apiLearn finds rules.
func (s *Server) apiLearn(v *visit) error {
	var q CardQuestion
	if err := v.read(&q); err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return err
	}
	found, err := s.Cards.Learn(v.ctx(), q, v.actor())
	if err != nil {
		return err
	}
	found.Rules = nonNil(found.Rules)
	return v.json(http.StatusOK, found)
}

// apiPlace names a place.
type apiPlace struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// apiNewRule is what the rule of a place shall be.
type apiNewRule struct {
	apiPlace
	Rule string `json:"rule"`
}

// apiShown is what a card that was shown has sent.
type apiShown struct {
	Raw string `json:"raw"`
}

// apiAwaitCard waits for the next card at a place, and answers 204 when there was
// none.
func (s *Server) apiAwaitCard(v *visit) error {
	var a apiPlace
	if err := v.read(&a); err != nil {
		return err
	}
	at, err := s.namedPlace(v.ctx(), a)
	if err != nil {
		return err
	}
	raw, err := s.awaitCard(v, at)
	if err != nil {
		return err
	}
	if raw == "" {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return v.json(http.StatusOK, apiShown{raw})
}

// apiSetRule sets the rule of a place.
func (s *Server) apiSetRule(v *visit) error {
	var a apiNewRule
	if err := v.read(&a); err != nil {
		return err
	}
	at, err := s.namedPlace(v.ctx(), a.apiPlace)
	if err == nil && a.Rule == "" {
		err = &fault.Error{Op: "ui.apiSetRule", Kind: fault.Invalid, Text: "The rule is missing. The one that changes nothing is keep."}
	}
	if err == nil {
		at, err = s.Cards.SetRule(v.ctx(), at, a.Rule, v.actor())
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, at)
}

func (s *Server) namedPlace(ctx context.Context, a apiPlace) (CardPlace, error) {
	return s.cardPlace(ctx, CardPlace{Kind: a.Kind, Name: a.Name}.value())
}
