// Package foreign reads what other print systems give out: people, cards,
// aliases, balances and names of queues, so that nobody types them again.
//
// It follows what the vendors have published, as far as that was to be had. No
// installation of these products has been read, and no file of theirs. What is
// not published is not guessed: it is in Batch.NotTaken, by file and line, with
// the reason.
//
// # PaperCut NG and MF
//
//   - users: the batch import format, tabs and no head: username, credit balance,
//     restricted, full name, e-mail, department, office, primary card, card PIN,
//     notes, secondary card, other e-mail addresses, username alias, home folder
//     ("Batch import and update user data",
//     papercut.com/help/manuals/ng-mf/applicationserver/user-import-update). The
//     page says that the order of the fields counts and lists them in this one;
//     the table further down, with their limits, was not to be had. The page
//     below, with examples, has the same order but leaves the e-mail address out.
//   - users with a head: any table that names a column Username and others of
//     these fields, such as the CSV of the report "User List", which has the card
//     numbers ("Importing/Exporting Card Numbers",
//     papercut.com/kb/Main/ImportingCardNumbers). Its column titles are not
//     published; those that differ from the names above are not taken.
//   - internal: the batch format for internal users, with a password behind the
//     username and without alias ("Batch User Import/Update Example .tsv files",
//     papercut.com/kb/Main/BatchUserImportUpdateExamples; paytec.helpserve.com,
//     article 30).
//   - cards: username and card number ("Batch user card/ID update",
//     papercut.com/products/ng/manual/ch-user-mgmt-card-id-update.html). The page
//     says that PINs may be there too; the part with their place was not to be
//     had, so further columns are not taken.
//   - rule: lines KEY=VALUE with ext-device.card-no-regex and
//     ext-device.card-no-converter, as the config editor shows them (PaperCut,
//     Ricoh Embedded Manual, revision 19, pages 36 and 37).
//
// The layout of username-aliases.txt ("Adding or updating username aliases",
// papercut.com/kb/Main/UserNameAliasing) was not to be had: aliases come with
// the users. The page "Server commands" names a printer by server and name;
// what list-printers writes was not to be had.
//
// # YSoft SafeQ
//
//   - users: lines of the data export and import, semicolons and no head: 100 (a
//     user with aliases behind commas, name, surname, card or PIN%…%, cost
//     centre, e-mail, home directory, password), 200 (a card or PIN), 201 (an
//     e-mail address), 202 (a cost centre), 300 (the name of a cost centre)
//     ("Tools - Data Import", documentation of SafeQ 5; "Data Export and Import",
//     documentation of SafeQ 6, which has the same words about encodings and the
//     prefix do_not_convert@@ and whose list of lines was not to be had). A value
//     with that prefix is encrypted and is not taken.
//   - rule: a card number conversion, as package cardrule reads it.
//
// Balances are in neither. The columns of the CSV of devices ("CLI Device
// Replicator", docs.ysoft.cloud/safeq6/latest/safeq6/cli-device-replicator) were
// not to be had.
//
// # Equitrac
//
//   - users: batch files of EQCmd, CSV: action, ur, user id, initial balance,
//     name, minimum balance, e-mail, department, primary PIN, secondary PIN,
//     quota, alternate PIN, home server, locked, location, default billing code,
//     additional information, home folder; an exclamation mark says nothing
//     ("addormodify", docshield.kofax.com, ControlSuite 1.2, EQT63460). The
//     actions addormodify, lock and unlock are read; the parameters of add were
//     not to be had.
//
// The primary PIN identifies a person, by swipe card or keypad, and so does the
// alternate PIN; the secondary PIN is typed behind it ("Implement PINs",
// EQT6095). So the first two are cards here and the third is the PIN.
//
// # Queues
//
// No product has published how it writes a list of printers. Queues of all three
// are a table of our own: one name a line, or a head with name and, if wanted,
// server, location and comment. SERVER\NAME is NAME.
//
// # What is promised
//
// Nothing is changed by this package. Passwords are never returned, and no note
// repeats what it takes for a password, a PIN or a card number. Files are at most 64 MiB and a
// million lines, in UTF-8, UTF-16 or code page 1252. An empty field says nothing.
// Where two lines say different things of a person, the first one counts and the
// other is a note.
//
// The package does not know SQL and does not know who is here already.
package foreign
