package intake

import (
	"fmt"

	"platen/directory"
	"platen/job"
	"platen/site"
)

// theNode is the actor of what nobody in particular did.
const theNode = "the node"

// doors are what people call the ways in.
var doors = map[string]string{"lpd": "LPR", doorIPP: "IPP", "api": "API"}

// doorIPP is what Origin.Door calls the IPP door.
const doorIPP = "ipp"

// history says in sentences how the job came in and what will happen to it.
// Titles are personal and never in it.
func (a *arrival) history(j *job.Job, owner directory.Match) []job.Entry {
	list := []job.Entry{received(j)}
	say := func(text string, args ...any) { list = append(list, job.Entry{Text: text, Args: args}) }
	if owner.Owned() {
		say("Owner: %s. %s", owner.User.Login, owner.Rule)
	} else {
		say("Owner: nobody. %s", owner.Rule)
	}
	expires := j.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC")
	switch {
	case j.Has(job.PasswordWait) && !j.Unclaimed():
		say("Held until its owner comes to a device and gives the PIN of the document; expires %s.", expires)
	case j.Has(job.HoldUntil):
		say("Held until somebody releases it; expires %s.", expires)
	case a.queue.Mode == site.Passthrough && j.State != job.Held:
		say("Goes to %s at once: the queue %s does not hold jobs.", a.queue.DeviceName, a.queue.Name)
	case owner.Owned():
		say("Held until its owner comes to a device; expires %s.", expires)
	default:
		say("Held until an administrator says whose it is; expires %s.", expires)
	}
	if j.Seen != 0 {
		say("It is the same document as job %d of less than an hour before. Both are kept.", j.Seen)
	}
	for i := range list {
		list[i].At, list[i].Actor = j.Created, theNode
	}
	return list
}

func received(j *job.Job) job.Entry {
	n, size := len(j.Documents), sizeText(j.Octets)
	switch client := j.Origin.Client; {
	case !client.IsValid() && n == 1:
		return job.Entry{Text: "Taken from a folder for queue %s: one document, %s.", Args: []any{j.QueueName, size}}
	case !client.IsValid():
		return job.Entry{Text: "Taken from a folder for queue %s: %d documents, %s.", Args: []any{j.QueueName, n, size}}
	case n == 1:
		return job.Entry{Text: "Received by %s from %s for queue %s: one document, %s.", Args: []any{door(j.Origin), client.Unmap().String(), j.QueueName, size}}
	default:
		return job.Entry{Text: "Received by %s from %s for queue %s: %d documents, %s.", Args: []any{door(j.Origin), client.Unmap().String(), j.QueueName, n, size}}
	}
}

func door(o job.Origin) string {
	if name, ok := doors[o.Door]; ok {
		return name
	}
	return o.Door
}

// sizeText writes a length with its unit, rounded up: nothing that came is 0.
func sizeText(octets int64) string {
	units := []string{"octets", "KiB", "MiB", "GiB", "TiB"}
	u := 0
	for octets >= 10_000 && u < len(units)-1 {
		octets = (octets + 1023) / 1024
		u++
	}
	return fmt.Sprintf("%d %s", octets, units[u])
}
