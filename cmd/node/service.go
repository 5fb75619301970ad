package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"

	"platen/config"
	"platen/fault"
	"platen/packaging"
)

// daemonKind is one of the services that this program can be.
type daemonKind struct {
	name, display, about string
	argv                 func(file string) []string
	unit                 func(program, file, account string) string
}

var nodeDaemon = daemonKind{
	"platen", "Platen print node", "Takes print jobs and prints them when their owner stands at a device.",
	func(file string) []string { return []string{"run", "--config", file} }, unit,
}

var syncDaemon = daemonKind{
	"platen-sync-directory", "Platen directory sync", "Brings the people of a directory to a print node.",
	func(file string) []string { return []string{"sync-directory", file} }, syncUnit,
}

// serviceCommands put the node into the hands of the operating system: systemd,
// the service control manager of Windows, and whatever else
// kardianos/service knows.
func serviceCommands() []*command {
	list := []*command{serviceInstall()}
	for _, v := range []struct{ verb, summary string }{
		{"uninstall", "stop the service and forget it; the data stays"},
		{"start", "start the service"},
		{"stop", "stop the service; transfers under way may finish"},
		{"status", "say whether the service is installed and runs"},
	} {
		bringer := false
		list = append(list, &command{
			name: "service " + v.verb, summary: v.summary, examples: []string{"service " + v.verb, "service " + v.verb + " --sync-directory"},
			flags: func(fs *flag.FlagSet) {
				fs.BoolVar(&bringer, "sync-directory", false, "the service that brings the people of a directory to a node, not the node")
			},
			local: func(_ context.Context, e *env, c *call) error {
				if bringer {
					return controlService(e, c, syncDaemon, v.verb)
				}
				return controlService(e, c, nodeDaemon, v.verb)
			},
		})
	}
	return list
}

func serviceInstall() *command {
	account, bringer := "platen", ""
	return &command{
		name: "service install", summary: "make the node a service of this machine that starts with it",
		more: "It writes the configuration file with its defaults, unless there is one, and under Linux the same unit\nfile that the packages have. The service is not started.",
		examples: []string{
			"service install",
			"service install --config /etc/platen/node.toml --account platen",
			"service install --sync-directory /etc/platen/sync-directory.toml",
		},
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&account, "account", account, "the `USER` that the service runs as (not on Windows)")
			fs.StringVar(&bringer, "sync-directory", "", "no node, but platen sync-directory with this `FILE`")
		},
		local: func(_ context.Context, e *env, c *call) error {
			if bringer != "" {
				return installBringer(e, c, bringer, account)
			}
			return installService(e, c, account)
		},
	}
}

func installService(e *env, c *call, account string) error {
	if err := mayInstall(account); err != nil {
		return err
	}
	file, err := configFile(c)
	if err != nil {
		return err
	}
	made, err := writeConfig(file)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(e.out, "Wrote %s with the defaults.\n", file)
	}
	return install(e, nodeDaemon, file, account, "platen service start")
}

// installBringer makes platen sync-directory a service. Its file must be there and
// good: it names what nobody can guess.
func installBringer(e *env, c *call, path, account string) error {
	if c.where.config != "" || c.where.dir != "" {
		return usagef("--sync-directory names the only file that its service reads")
	}
	file, err := filepath.Abs(path)
	if err == nil {
		_, err = loadDirConfig(file)
	}
	if err == nil {
		err = mayInstall(account)
	}
	if err != nil {
		return err
	}
	return install(e, syncDaemon, file, account, "platen service start --sync-directory")
}

// mayInstall checks that there is a user for the service, and that nobody else can
// change what it runs.
func mayInstall(account string) error {
	const op = "service.install"
	if runtime.GOOS != "windows" {
		if _, err := user.Lookup(account); err != nil {
			return &fault.Error{Op: op, Kind: fault.Conflict, Text: "There is no user %s for the service yet. Make it first: useradd --system --home-dir %s --shell /usr/sbin/nologin %s", Args: []any{account, config.Default().Data, account}, Err: err}
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return nobodyElseWrites(program)
}

func install(e *env, kind daemonKind, file, account, next string) error {
	s, err := newService(kind, file, account)
	if err != nil {
		return err
	}
	if err := s.Install(); err != nil {
		return serviceError("service.install", err)
	}
	fmt.Fprintf(e.out, "The service %s is installed. Start it with: %s\n", kind.name, next)
	return nil
}

// configFile is the absolute path of the file that the service will read.
func configFile(c *call) (string, error) {
	if c.where.dir != "" {
		return "", usagef("a service is described by its configuration file; put data = %q there", c.where.dir)
	}
	if c.where.config == "" {
		return config.DefaultPath(), nil
	}
	return filepath.Abs(c.where.config)
}

// writeConfig writes the shipped file where there is none.
func writeConfig(path string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // the file holds no secret, and administrators read it
		return false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // the same
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Write(packaging.Config)
	return true, errors.Join(err, f.Sync(), f.Close())
}

// controlService runs one verb, or answers whether the service runs.
func controlService(e *env, c *call, kind daemonKind, verb string) error {
	s, err := newService(kind, config.DefaultPath(), "platen")
	if err != nil {
		return err
	}
	if verb == "status" {
		return serviceStatus(e, c, kind, s)
	}
	if verb == "uninstall" {
		_ = s.Stop() // it may not be running
	}
	if err := service.Control(s, verb); err != nil {
		return serviceError("service."+verb, err)
	}
	fmt.Fprintf(e.out, "Done: %s.\n", verb)
	return nil
}

func serviceStatus(e *env, c *call, kind daemonKind, s service.Service) error {
	status, err := s.Status()
	word := map[service.Status]string{service.StatusRunning: "running", service.StatusStopped: "stopped"}[status]
	if errors.Is(err, service.ErrNotInstalled) {
		word, err = "not installed", nil
	}
	if err != nil || word == "" {
		return serviceError("service.status", err)
	}
	if c.json {
		return writeJSON(e.out, map[string]string{"service": kind.name, "status": word})
	}
	fmt.Fprintf(e.out, "The service %s is %s.\n", kind.name, word)
	return nil
}

func serviceError(op string, err error) error {
	if err == nil {
		err = errors.New("no answer")
	}
	if os.Geteuid() != 0 && runtime.GOOS != "windows" {
		return &fault.Error{Op: op, Kind: fault.Denied, Text: "The service manager refused. Only root may do that.", Err: err}
	}
	return fmt.Errorf("the service manager: %w", err)
}

// newService describes a service to the service manager.
func newService(kind daemonKind, file, account string) (service.Service, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := service.New(idle{}, &service.Config{
		Name: kind.name, DisplayName: kind.display, Description: kind.about,
		Executable: program, Arguments: kind.argv(file),
		Option: service.KeyValue{"SystemdScript": kind.unit(program, file, account)},
	})
	if errors.Is(err, service.ErrNoServiceSystemDetected) {
		return nil, &fault.Error{Op: "service", Kind: fault.Unavailable, Text: "This machine has no service manager that Platen knows. Start it with: platen run", Err: err}
	}
	return s, err
}

// unit is the unit file of the packages with this machine's paths and account.
func unit(program, file, account string) string {
	return strings.NewReplacer(
		"ExecStart=/usr/bin/platen run --config /etc/platen/node.toml", "ExecStart="+unitWord(program)+" run --config "+unitWord(file),
		"User=platen\nGroup=platen\n", "User="+account+"\n",
	).Replace(packaging.Unit)
}

// syncUnit is the same for platen sync-directory.
func syncUnit(program, file, account string) string {
	return strings.NewReplacer(
		"ExecStart=/usr/bin/platen sync-directory /etc/platen/sync-directory.toml", "ExecStart="+unitWord(program)+" sync-directory "+unitWord(file),
		"User=platen\nGroup=platen\n", "User="+account+"\n",
	).Replace(packaging.SyncUnit)
}

// unitWord quotes a path for ExecStart=, where % and $ mean something. A brace
// pair would be taken for a variable of the template.
func unitWord(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`).Replace(s)
	if strings.ContainsAny(s, " \t\"\\") {
		return `"` + s + `"`
	}
	return s
}

// idle is what the service manager is given by commands that only talk to it.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }
