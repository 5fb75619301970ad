package ui

import (
	"net/url"

	"platen/job"
	"platen/site"
)

// scene is a page with what it needs to be seen; prepare returns its path.
type scene struct {
	name    string
	prepare func(h *house) string
}

var scenes = []scene{
	{"idle", func(h *house) string { return "/t/lobby/" }},
	{"idle-pin", func(h *house) string { h.change(func() { h.desk.terminal.PINOnly = true }); return "/t/lobby/?out=1" }},
	{"idle-trouble", func(h *house) string {
		h.change(func() { h.desk.device.Status = site.Condition{State: "stopped"} })
		return "/t/lobby/"
	}},
	{"idle-reader", func(h *house) string { h.change(func() { h.desk.reader = true }); return "/t/lobby/" }},
	{"card-reader", func(h *house) string {
		h.change(func() { h.desk.reader = true })
		h.desk.show("CAFE0001")
		return "/t/lobby/"
	}},
	{"card-or-pin", func(h *house) string {
		h.change(func() { h.desk.reader, h.desk.terminal.PINOnly = true, true })
		return "/t/lobby/sign-in?with=card-or-pin"
	}},
	{"password", func(h *house) string { return "/t/lobby/sign-in?with=password" }},
	{"pin", func(h *house) string { return "/t/lobby/sign-in?with=pin" }},
	{"code", func(h *house) string { return "/t/lobby/sign-in?with=code" }},
	{"jobs", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs" }},
	{"jobs-kept", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs?did=kept" }},
	{"jobs-empty", func(h *house) string {
		h.change(func() { h.desk.users["ben"].Language = "" })
		h.signIn("04E5F60718")
		return "/t/lobby/jobs"
	}},
	{"job", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/101" }},
	{"job-uncertain", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/105" }},
	{"job-printed", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/99" }},
	{"job-arriving", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/104" }},
	{"jobs-pin", func(h *house) string { h.pinned(102, 103); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs" }},
	{"job-pin", func(h *house) string { h.pinned(102); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/102" }},
	{"status-pin", func(h *house) string { h.pinned(102, 103); return released(h, job.StatusPrinted, "") }},
	{"status-busy", func(h *house) string { return released(h, job.StatusSending, "") }},
	{"status-paper", func(h *house) string { return released(h, job.StatusSending, "The device needs paper.") }},
	{"status-done", func(h *house) string { return released(h, job.StatusPrinted, "") }},
	{"status-bad", func(h *house) string {
		return released(h, job.StatusHeld, "The device had not begun it, so it is held again.")
	}},
	{"still", func(h *house) string {
		h.signIn("04A1B2C3D4")
		h.clock.add(deskIdle - deskWarn)
		return "/t/lobby/still"
	}},
	{"jobs-for", func(h *house) string { h.deputy(); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs" }},
	{"job-for", func(h *house) string { h.deputy(); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/201" }},
	{"jobs-asked", func(h *house) string { h.asks(); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs" }},
	{"reception", func(h *house) string { h.atReception(); return receptionPath }},
	{"delegations", func(h *house) string { h.lets(); signInMine(h, "anna", "anna"); return trustsPath }},
	{"learn", func(h *house) string { h.staff(); h.member("ada", "ada", "/me"); return learnPath + "?at=reader:door" }},
	{"trust", func(h *house) string { return trustPath }},
	{"trust-windows", func(h *house) string { return trustPath + "?for=windows" }},
	{"trust-ios", func(h *house) string { return trustPath + "?for=ios" }},
	{"trust-public", func(h *house) string { h.company(); return trustPath + "?for=linux" }},
	{"certificates", func(h *house) string { h.company(); h.staff(); h.member("ada", "ada", "/me"); return certsPath }},
	{"certificate", func(h *house) string { h.company(); h.staff(); h.member("ada", "ada", "/me"); return h.chainURL("web") }},
	{"certificate-request", func(h *house) string {
		h.company()
		h.staff()
		h.member("ada", "ada", "/me")
		return h.chainURL("next")
	}},
	{"certificate-trusted", func(h *house) string {
		h.company()
		h.staff()
		h.member("ada", "ada", "/me")
		return certURL("trusted", h.server.Certs.Trusted()[0].ID)
	}},
	{"glass", func(h *house) string { h.post("/t/lobby/login", hilda()); return "/t/lobby/glass" }},
	{"jobs-unclaimed", func(h *house) string { h.unclaimed(); h.signIn("04A1B2C3D4"); return "/t/lobby/jobs" }},
	{"unclaimed", func(h *house) string { h.unclaimed(); h.signIn("04A1B2C3D4"); return "/t/lobby/unclaimed" }},
	{"error", func(h *house) string { h.signIn("04A1B2C3D4"); return "/t/lobby/jobs/4711" }},
	{"not-enrolled", func(h *house) string { return "/t/elsewhere/" }},
	{"landing", func(h *house) string { return "/" }},
	{"print", func(h *house) string { return "/print" }},
	{"print-windows", func(h *house) string { return "/print?for=windows" }},
	{"print-ios", func(h *house) string { return "/print?for=ios" }},
	{"print-chromeos", func(h *house) string { return "/print?for=chromeos" }},
	{"print-own", func(h *house) string { return h.people.address("u-anna", "my phone") + "?for=android" }},
	{"sign-in", func(h *house) string { return "/sign-in" }},
	{"sign-in-ways", func(h *house) string {
		h.change(func() { h.members.ways = Ways{OIDC: "Example ID", Kerberos: true} })
		return "/sign-in?next=/print/mine"
	}},
	{"sign-in-no-ticket", func(h *house) string {
		h.change(func() { h.members.ways = Ways{OIDC: "login.microsoftonline.com", Kerberos: true} })
		return "/sign-in/negotiate"
	}},
	{"first", func(h *house) string {
		h.change(func() { h.members.first = "first-token" })
		return "/setup?token=first-token"
	}},
	{"nowhere", func(h *house) string { return "/nowhere" }},
}

func hilda() url.Values {
	return url.Values{"method": {"password"}, "user": {"hilda"}, "secret": {"hilda"}}
}

func released(h *house, status, reason string) string {
	h.signIn("04A1B2C3D4")
	p := h.post("/t/lobby/jobs/act", url.Values{"do": {"all"}})
	h.desk.becomes(status, reason)
	return p.path
}
