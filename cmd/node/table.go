package main

import "slices"

// commands is the table of everything that can be typed after the program's
// name, in the order in which help lists it. It is made anew for each use,
// because a command's flags belong to one call.
func commands() []*command {
	return slices.Concat(
		[]*command{runCommand(), demoCommand(), checkCommand(), doctorCommand(), sendCommand()},
		userCommands(), printURLCommands(), cardCommands(), cardRuleCommands(), readerCommands(), pinCommands(), groupCommands(), rightCommands(), guestCommands(), delegationCommands(), sourceCommands(), syncDirectoryCommands(), placeCommands(), signInCommands(), certificateCommands(), adminCommands(), roleCommands(), mailCommands(), certCommands(), readinessCommands(),
		queueCommands(), ownerCommands(), deviceCommands(), []*command{forgetKeyCommand()}, terminalCommands(), tokenCommands(), settingsCommands(), dnssdCommands(), deployCommands(),
		jobCommands(), importCommands(), importForeignCommands(), exportCommands(), auditCommands(), clockCommands(),
		backupCommands(), serviceCommands(), []*command{versionCommand(), countPages(), convertDocument()},
	)
}
