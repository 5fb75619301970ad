package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

func ippScenarios() []scenario {
	return []scenario{
		{name: "ipp-cut", faults: "A06 F02", play: clientsDie},
		{name: "ipp-numbers", faults: "F02 F18", play: numbersStay},
	}
}

var overIPP = plan{held: true, ipp: true}

// clientsDie: clients of IPP die at some octet of their documents, with a reset or
// an orderly end; nothing of that is a job. What was only announced is aborted at the
// next start.
func clientsDie(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	if err := st.all(overIPP, 8, "before"); err != nil {
		return err
	}
	announced := 0
	for range 48 {
		s := overIPP.submission(len(st.jobs), st.rng)
		s.cut = true
		st.jobs = append(st.jobs, s)
		if err := s.send(st.n, rand.New(rand.NewPCG(st.rng.Uint64(), 1))); !errors.Is(err, errDied) {
			return &broken{"I6", fmt.Sprintf("a client could not even die: %v", err)}
		}
		if s.number != 0 {
			announced++
		}
	}
	if err := st.all(overIPP, 8, "beside clients that die"); err != nil {
		return err
	}
	if err := st.again(ctx); err != nil {
		return err
	}
	var jobs []listed
	if err := st.command(ctx, &jobs, "job", "list", "--all", "--json"); err != nil {
		return err
	}
	aborted := 0
	for _, j := range jobs {
		if j.State == "aborted" && j.Message != "" {
			aborted++
		}
	}
	if aborted != announced {
		return &broken{"I4", fmt.Sprintf("%d jobs were announced by clients that died, %d are aborted and say why", announced, aborted)}
	}
	st.say("%d died, %d of them with a job announced", 48, announced)
	return nil
}

// numbersStay: a node lives five short lives and is made again from a backup between
// two of them; the number that a client was told is its job's for ever.
func numbersStay(ctx context.Context, st *stage) error {
	if err := st.start(ctx); err != nil {
		return err
	}
	small := plan{held: true, ipp: true, small: true}
	var file, pass string
	for life := range 5 {
		if life == 2 {
			var err error
			if file, pass, err = st.backup(ctx); err != nil {
				return err
			}
		}
		n := st.n
		time.AfterFunc(time.Duration(30+st.rng.IntN(120))*time.Millisecond, n.kill)
		st.print(small, 32)
		n.kill()
		if life == 3 {
			if err := st.restore(ctx, file, pass); err != nil {
				return err
			}
			continue
		}
		if err := st.start(ctx); err != nil {
			return err
		}
	}
	told := 0
	for _, s := range st.jobs {
		if s.number != 0 {
			told++
		}
	}
	st.say("%d numbers told in five lives", told)
	return st.all(overIPP, 8, "in the last life")
}
