package catalog

// germanPeople is what is said of people, groups and their rights, and of where they come from.
var germanPeople = map[string]string{}
