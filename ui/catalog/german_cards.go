package catalog

// germanCards is what is said of card numbers and the rules that bring them to one form.
var germanCards = map[string]string{}
