// Package winrm runs commands and PowerShell on Windows machines through WinRM:
// the runners winrm-cmd, winrm-ps-cmd and winrm-ps-script.
//
// A job becomes a shell on the machine (with its directory and environment), one
// command in it, and as many requests for output as it takes; then both are
// closed. The result is st2's: stdout, stderr, return_code, succeeded, failed.
// PowerShell travels encoded on the command line; a script that is too long for
// one is uploaded piece by piece first, and removed afterwards.
//
// It logs in with NTLM or basic authentication. It was tested against a server
// that speaks the protocol and checks every message, not against Windows.
package winrm
