package catalog

// germanOwners is what the rules say that name the owner of a job.
var germanOwners = map[string]string{}
