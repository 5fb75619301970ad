package main

import (
	"context"
	"flag"
	"strconv"
	"strings"
	"time"

	"platen/config"
	"platen/site"
)

// settingsFlags are the node-wide values that an administrator may change.
type settingsFlags struct {
	maxOctets, maxSpool, maxUser, reserve *opt[int64]
	maxUserJobs                           *opt[int]
	titleFor, historyFor                  *opt[time.Duration]
	webIdle, webLife                      *opt[time.Duration]
	aliases, prefix, register             *opt[bool]
	personalURLs, advertise               *opt[bool]
	defaultQueue                          *opt[string]
	maxCards                              *opt[int]
	verifierFor, guestsFor                *opt[time.Duration]
}

func (f *settingsFlags) add(fs *flag.FlagSet) {
	f.maxOctets = optOctets(fs, "max-octets", "largest job, `SIZE`")
	f.maxSpool = optOctets(fs, "max-spool", "all documents together, `SIZE`; 0: what the disk has, but for the reserve")
	f.maxUser = optOctets(fs, "max-user", "all documents of one owner, `SIZE`; 0 no limit")
	f.maxUserJobs = optNumber(fs, "max-user-jobs", "jobs of one owner that are not done, `NUMBER`; 0 no limit", 0, 1<<30)
	f.reserve = optOctets(fs, "reserve", "disk that stays free for the database, `SIZE`")
	f.titleFor = optTime(fs, "title-for", "titles are forgotten this `TIME` after a job is done", longest*10)
	f.historyFor = optTime(fs, "history-for", "jobs are forgotten this `TIME` after they are done; the ledger stays", longest*10)
	f.webIdle = optTime(fs, "web-idle", "somebody at a browser is signed out after so much `TIME` without a sign of life", 24*time.Hour)
	f.webLife = optTime(fs, "web-life", "and after this `TIME` in any case", 7*24*time.Hour)
	f.aliases = optYesNo(fs, "aliases", "the owner rule that looks at other names of a person")
	f.prefix = optYesNo(fs, "prefix", "the owner rule for names that a client has cut to 31 octets")
	f.register = optYesNo(fs, "register-cards", "a person may register an unknown card at a terminal, with a password, a PIN or a code")
	f.maxCards = optNumber(fs, "max-cards", "cards that a person may have who registers one, `NUMBER`; 0 no limit", 0, 1000)
	f.verifierFor = optTime(fs, "verifier-for", "a password that was right stands in for a directory that is away, for this `TIME`; 0: never", 366*24*time.Hour)
	f.guestsFor = optTime(fs, "guests-for", "the account of a guest is removed this `TIME` after its end", 3660*24*time.Hour)
	f.defaultQueue = optText(fs, "default-queue", "`NAME` of the queue of clients that name none; empty: the first that holds")
	f.personalURLs = optYesNo(fs, "personal-urls", "people may have an address of their own to print to")
	f.advertise = optYesNo(fs, "advertise", "queues are advertised on the local network")
}

func (f *settingsFlags) apply(ctx context.Context, a *admin, s *site.Settings) error {
	f.maxOctets.apply(&s.MaxOctets)
	f.maxSpool.apply(&s.MaxSpool)
	f.maxUser.apply(&s.MaxUser)
	f.maxUserJobs.apply(&s.MaxUserJobs)
	f.reserve.apply(&s.Reserve)
	f.titleFor.apply(&s.TitleFor)
	f.historyFor.apply(&s.HistoryFor)
	f.webIdle.apply(&s.WebIdle)
	f.webLife.apply(&s.WebLife)
	f.aliases.apply(&s.AliasesEnabled)
	f.prefix.apply(&s.PrefixEnabled)
	f.register.apply(&s.RegisterCards)
	f.personalURLs.apply(&s.PersonalURLs)
	f.advertise.apply(&s.Advertise)
	f.maxCards.apply(&s.MaxCards)
	f.verifierFor.apply(&s.VerifierFor)
	f.guestsFor.apply(&s.GuestsFor)
	if !f.defaultQueue.given {
		return nil
	}
	s.DefaultQueue = ""
	if f.defaultQueue.value == "" {
		return nil
	}
	q, err := a.queue(ctx, f.defaultQueue.value)
	s.DefaultQueue = q.ID
	return err
}

func settingsCommands() []*command {
	var changed settingsFlags
	return []*command{
		{
			name: "settings show", summary: "show the node-wide limits and times", examples: []string{"settings show", "settings show --json"},
			admin: func(ctx context.Context, a *admin, c *call) error { return a.printSettings(ctx, c) },
		},
		{
			name: "settings set", summary: "change node-wide limits and times", more: "What is not named stays. Jobs that are there keep what they were given.",
			examples: []string{"settings set --max-user 5GiB --title-for 3d", "settings set --default-queue secure --personal-urls no --advertise yes"},
			flags:    changed.add,
			admin: func(ctx context.Context, a *admin, c *call) error {
				s, err := a.scope.Settings(ctx)
				if err != nil {
					return err
				}
				if err := changed.apply(ctx, a, &s); err != nil {
					return err
				}
				if s.WebIdle < time.Minute || s.WebLife < s.WebIdle {
					return usagef("--web-idle is a minute at least, and --web-life not shorter")
				}
				if s.MaxOctets < 1 {
					return usagef("--max-octets must be at least 1")
				}
				if err := a.scope.PutSettings(ctx, s); err != nil {
					return err
				}
				a.queuesChanged()
				if err := a.audit(ctx, "settings.set", "", strings.Join(c.given, " ")); err != nil {
					return err
				}
				return a.printSettings(ctx, c)
			},
		},
	}
}

func (a *admin) printSettings(ctx context.Context, c *call) error {
	s, err := a.scope.Settings(ctx)
	if err != nil {
		return err
	}
	queue := "the first that holds"
	if q, err := a.scope.Queue(ctx, s.DefaultQueue); err == nil {
		queue = q.Name
	}
	titles, history, verifiers := config.Duration{Duration: s.TitleFor}, config.Duration{Duration: s.HistoryFor}, config.Duration{Duration: s.VerifierFor}
	idle, life := config.Duration{Duration: s.WebIdle}, config.Duration{Duration: s.WebLife}
	guests := config.Duration{Duration: s.GuestsFor}
	if c.json {
		return writeJSON(c.out, struct {
			site.Settings
			TitleFor   config.Duration `json:"title_for"`
			HistoryFor config.Duration `json:"history_for"`
			Verifiers  config.Duration `json:"verifier_for"`
			WebIdle    config.Duration `json:"web_idle"`
			WebLife    config.Duration `json:"web_life"`
			Guests     config.Duration `json:"guests_for"`
		}{s, titles, history, verifiers, idle, life, guests})
	}
	return fields(c.out, "largest job", octets(s.MaxOctets), "all documents", limit(s.MaxSpool), "documents of one owner", limit(s.MaxUser),
		"jobs of one owner", limitJobs(s.MaxUserJobs), "disk kept free", octets(s.Reserve), "titles are forgotten after", titles.String(),
		"jobs are forgotten after", history.String(),
		"signed out at browsers after", idle.String()+" without a sign of life, and after "+life.String(), "owner rule for other names", yesNo(s.AliasesEnabled),
		"owner rule for cut names", yesNo(s.PrefixEnabled), "people may register cards", yesNo(s.RegisterCards), "cards of a person who registers one", limitJobs(s.MaxCards), "passwords stand in for a directory", verifiers.String(), "guests are removed after their end by", guests.String(),
		"default queue", queue, "people may have addresses of their own", yesNo(s.PersonalURLs), "queues are advertised", yesNo(s.Advertise))
}

func limit(n int64) string {
	if n == 0 {
		return "no limit"
	}
	return octets(n)
}

func limitJobs(n int) string {
	if n == 0 {
		return "no limit"
	}
	return strconv.Itoa(n)
}
