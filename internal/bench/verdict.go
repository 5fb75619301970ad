package main

import "fmt"

// verdict is one figure beside what it must be and what it is meant to become.
type verdict struct {
	work, got, must, aim string
	mustMet, aimMet      bool
}

// verdicts are the figures of a run, for the table that closes it.
type verdicts []verdict

// least adds a figure that shall be large.
func (v *verdicts) least(work string, got, must, aim float64, unit string) {
	*v = append(*v, verdict{work, fmt.Sprintf("%.3g%s", got, unit), fmt.Sprintf("%.3g%s", must, unit), fmt.Sprintf("%.3g%s", aim, unit), got >= must, got >= aim})
}

// most adds a figure that shall be small.
func (v *verdicts) most(work string, got, must, aim float64, unit string) {
	*v = append(*v, verdict{work, fmt.Sprintf("%.3g%s", got, unit), fmt.Sprintf("%.3g%s", must, unit), fmt.Sprintf("%.3g%s", aim, unit), got <= must, got <= aim})
}

func (v verdicts) print() {
	fmt.Printf("| work | measured | must | aim | |\n| --- | --- | --- | --- | --- |\n")
	for _, x := range v {
		said := "missed"
		switch {
		case x.aimMet:
			said = "aim met"
		case x.mustMet:
			said = "must met"
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", x.work, x.got, x.must, x.aim, said)
	}
}
