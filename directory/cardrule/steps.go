package cardrule

// Steps returns the functions of the pipeline one by one, each as a rule of its
// own. What is within another function is not taken apart.
func (r Rule) Steps() []Rule {
	list := make([]Rule, len(r.steps))
	for i := range r.steps {
		list[i] = Rule{r.steps[i : i+1 : i+1]}
	}
	return list
}
