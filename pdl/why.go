package pdl

// WhyUncounted says in one English sentence why the pages of documents in this
// language are not counted, "" when Counter does count them.
func (l Language) WhyUncounted() string {
	if l == PDF {
		return ""
	}
	return l.uncounted()
}
