package reader

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// winscard is the PC/SC service of Windows, through winscard.dll.
//
// It was compiled and never run: no test has a Windows with a reader. What it
// relies on is Microsoft's documentation of the functions that it calls.
type winscard struct{}

func (p *PCSC) system() service { return winscard{} }

var (
	dll              = windows.NewLazySystemDLL("winscard.dll")
	establishContext = dll.NewProc("SCardEstablishContext")
	releaseContext   = dll.NewProc("SCardReleaseContext")
	cancelContext    = dll.NewProc("SCardCancel")
	listReaders      = dll.NewProc("SCardListReadersW")
	getStatusChange  = dll.NewProc("SCardGetStatusChangeW")
	connectCard      = dll.NewProc("SCardConnectW")
	disconnectCard   = dll.NewProc("SCardDisconnect")
	transmitCard     = dll.NewProc("SCardTransmit")
)

const (
	scopeSystem = 2
	shareShared = 2
	protocolAny = 1 | 2 // T=0, T=1
	leaveCard   = 0
	patienceMS  = 5000    // a cancel that comes just before the waiting is lost
	maxNames    = 1 << 16 // UTF-16 units of all readers' names
	maxAnswer   = 264     // octets, of a short APDU

	stateChanged = 0x02 // SCARD_STATE_CHANGED
	statePresent = 0x20 // SCARD_STATE_PRESENT

	// A reader of this name changes when readers come and go.
	plugAndPlay = `\\?PnP?\Notification`
)

// scardError is a return value of PC/SC.
type scardError uint32

// What is not a failure.
const (
	timedOut           scardError = 0x8010000A
	noReadersAvailable scardError = 0x8010002E
)

func (e scardError) Error() string { return fmt.Sprintf("PC/SC error %08X", uint32(e)) }

// scard calls a function of the DLL. One that is missing is an error, where
// Call alone would bring the program down. What its arguments point to stays
// where it is until it returns.
//
//go:uintptrescapes
func scard(p *windows.LazyProc, args ...uintptr) error {
	if err := p.Find(); err != nil {
		return fmt.Errorf("reader: winscard: %w", err)
	}
	if rv, _, _ := p.Call(args...); uint32(rv) != 0 { //nolint:errcheck // the last error is not set by these
		return fmt.Errorf("reader: winscard: %s: %w", p.Name, scardError(uint32(rv)))
	}
	return nil
}

// establish returns a context, and what releases it.
func establish() (own uintptr, release func(), err error) {
	if err := scard(establishContext, scopeSystem, 0, 0, uintptr(unsafe.Pointer(&own))); err != nil {
		return 0, nil, err
	}
	return own, func() { _ = scard(releaseContext, own) }, nil
}

// cancelAtEnd ends what own waits for when ctx ends. The function that it
// returns must be called before own is released.
func cancelAtEnd(ctx context.Context, own uintptr) (stop func()) {
	var mu sync.Mutex
	over := false
	unhook := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			_ = scard(cancelContext, own)
		}
	})
	return func() {
		unhook()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}

// readerState is SCARD_READERSTATEW.
type readerState struct {
	name      *uint16
	userData  uintptr
	current   uint32
	event     uint32
	sizeOfATR uint32
	atr       [36]byte
}

func (winscard) watch(ctx context.Context, seen func([]presence)) error {
	own, release, err := establish()
	if err != nil {
		return err
	}
	defer release()
	defer cancelAtEnd(ctx, own)()
	states := []readerState{}
	names := []string{}
	for ctx.Err() == nil {
		if names, states, err = refresh(own, names, states); err != nil {
			return err
		}
		if len(names) == 1 { // there may be nothing new for a long time
			seen(nil)
		}
		err := scard(getStatusChange, own, patienceMS, uintptr(unsafe.Pointer(&states[0])), uintptr(len(states)))
		runtime.KeepAlive(states)
		if errors.Is(err, timedOut) {
			continue
		}
		if err != nil {
			return err
		}
		list := []presence{}
		for i := range states {
			states[i].current = states[i].event &^ stateChanged
			if names[i] != plugAndPlay {
				list = append(list, presence{names[i], states[i].event&statePresent != 0, states[i].event >> 16})
			}
		}
		seen(list)
	}
	return ctx.Err()
}

// refresh returns the states to wait for: those of before for readers that are
// still there, and Plug and Play behind them.
func refresh(own uintptr, oldNames []string, old []readerState) ([]string, []readerState, error) {
	names, err := readers(own)
	if err != nil {
		return nil, nil, err
	}
	names = append(names, plugAndPlay)
	states := make([]readerState, len(names))
	for i, name := range names {
		p, err := windows.UTF16PtrFromString(name)
		if err != nil {
			return nil, nil, fmt.Errorf("reader: winscard: %w", err)
		}
		states[i].name = p
		for j, before := range oldNames {
			if before == name {
				states[i].current = old[j].current
			}
		}
	}
	return names, states, nil
}

func readers(own uintptr) (names []string, err error) {
	buf := make([]uint16, maxNames)
	n := uint32(len(buf))
	err = scard(listReaders, own, 0, uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)))
	if errors.Is(err, noReadersAvailable) {
		return nil, nil
	}
	for rest := buf[:min(n, maxNames)]; err == nil && len(rest) > 0 && rest[0] != 0; {
		name := windows.UTF16ToString(rest)
		names = append(names, name)
		for len(rest) > 0 && rest[0] != 0 {
			rest = rest[1:]
		}
		rest = rest[min(1, len(rest)):]
	}
	return names, err
}

func (winscard) ask(ctx context.Context, reader string, command []byte) ([]byte, error) {
	own, release, err := establish()
	if err != nil {
		return nil, err
	}
	defer release()
	defer cancelAtEnd(ctx, own)()
	name, err := windows.UTF16PtrFromString(reader)
	if err != nil {
		return nil, fmt.Errorf("reader: winscard: %w", err)
	}
	var card uintptr
	var protocol uint32
	err = scard(connectCard, own, uintptr(unsafe.Pointer(name)), shareShared, protocolAny,
		uintptr(unsafe.Pointer(&card)), uintptr(unsafe.Pointer(&protocol)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = scard(disconnectCard, card, leaveCard) }()
	return transmit(card, protocol, command)
}

func transmit(card uintptr, protocol uint32, command []byte) ([]byte, error) {
	header := struct{ protocol, size uint32 }{protocol, 8} // SCARD_IO_REQUEST
	answer, n := make([]byte, maxAnswer), uint32(maxAnswer)
	err := scard(transmitCard, card, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&command[0])), uintptr(len(command)),
		0, uintptr(unsafe.Pointer(&answer[0])), uintptr(unsafe.Pointer(&n)))
	if err != nil {
		return nil, err
	}
	return answer[:min(n, maxAnswer)], nil
}
