<# [[ if .Detect ]]Looks whether the print queues of [[ comment .Node.Host ]] are there; adds nothing.
   Exit code: 0 all is there, 1 something is not.
[[- else ]]Adds the print queues of [[ comment .Node.Host ]] with the inbox driver of Windows.
   It may run again at any time: what is there stays, nothing is removed.
   Exit code: 0 all is there, 1 something is not, 2 this Windows cannot add a
   printer by its address, 3 not an administrator.
[[- end ]]
   Log: %ProgramData%\Platen\deploy.log
   Written by Platen [[ comment .Version ]]. #>
Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
[[- if .Intune ]]

# Intune starts scripts in a 32-bit shell, which sees other folders.
if ($env:PROCESSOR_ARCHITEW6432) {
    & (Join-Path $env:WINDIR 'SysNative\WindowsPowerShell\v1.0\powershell.exe') -NoProfile -ExecutionPolicy Bypass -File $PSCommandPath
    exit $LASTEXITCODE
}
[[- end ]]

# Windows names a new printer itself, after what Also holds; Name is what it is renamed to.
$queues = @(
[[- range $i, $q := .Queues ]][[ if $i ]],[[ end ]]
    @{ Name = [[ ps $q.WindowsName ]]; Url = [[ ps $q.HTTPS ]]; Also = @([[ ps $q.Name ]][[ if $q.Info ]], [[ ps $q.Info ]][[ end ]]) }
[[- end ]]
)
$authorities = @(
[[- range $i, $der := .Ders ]][[ if $i ]],[[ end ]]
    '[[ $der ]]'
[[- end ]]
)
$folder = Join-Path $env:ProgramData 'Platen'
$log = Join-Path $folder 'deploy.log'

function Write-Log([string] $Text) {
    Write-Host $Text
    try {
        if (-not (Test-Path -LiteralPath $folder)) { New-Item -ItemType Directory -Path $folder | Out-Null }
        Add-Content -LiteralPath $log -Value ('{0:yyyy-MM-dd HH:mm:ss} {1}' -f (Get-Date), $Text) -Encoding UTF8
    } catch {
        Write-Host ('The log cannot be written: {0}' -f $_.Exception.Message)
    }
}

function Test-Queue($Queue) {
    return @(Get-Printer | Where-Object { $_.Name -eq $Queue.Name }).Count -gt 0
}

function Open-Root([string] $Mode) {
    $store = New-Object System.Security.Cryptography.X509Certificates.X509Store -ArgumentList 'Root', 'LocalMachine'
    $store.Open($Mode)
    return $store
}

function Read-Certificate([string] $Text) {
    return New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList (, [Convert]::FromBase64String($Text))
}

function Test-Authority($Certificate) {
    $store = Open-Root 'ReadOnly'
    try {
        return @($store.Certificates | Where-Object { $_.Thumbprint -eq $Certificate.Thumbprint }).Count -gt 0
    } finally {
        $store.Close()
    }
}
[[- if .Detect ]]

$missing = 0
foreach ($text in $authorities) {
    if (-not (Test-Authority (Read-Certificate $text))) {
        Write-Log 'The authority of the node is not trusted yet.'
        $missing = 1
    }
}
foreach ($queue in $queues) {
    if (-not (Test-Queue $queue)) {
        Write-Log ('{0} is not there yet.' -f $queue.Name)
        $missing = 1
    }
}
if ($missing -eq 0) { Write-Log 'All queues are there.' }
exit $missing
[[- else ]]

function Add-Authority([string] $Text) {
    $certificate = Read-Certificate $Text
    if (Test-Authority $certificate) {
        Write-Log ('The authority is trusted already: {0}' -f $certificate.Thumbprint)
        return
    }
    $store = Open-Root 'ReadWrite'
    try {
        $store.Add($certificate)
    } finally {
        $store.Close()
    }
    Write-Log ('The authority is trusted now: {0}' -f $certificate.Thumbprint)
}

# A run that ended between adding and renaming left the name that Windows gave.
function Find-Unnamed($Queue) {
    return @(Get-Printer | Where-Object { $Queue.Also -contains $_.Name -and $_.DriverName -eq 'Microsoft IPP Class Driver' })
}

function Add-Queue($Queue) {
    if (Test-Queue $Queue) {
        Write-Log ('{0} is there.' -f $Queue.Name)
        return
    }
    $found = @(Find-Unnamed $Queue)
    if ($found.Count -eq 0) {
        $before = @(Get-Printer | ForEach-Object { $_.Name })
        Add-Printer -IppURL $Queue.Url
        for ($second = 0; $second -lt 30; $second++) {
            $found = @(Get-Printer | Where-Object { $before -notcontains $_.Name })
            if ($found.Count -gt 0) { break }
            Start-Sleep -Seconds 1
        }
    }
    if ($found.Count -ne 1) {
        throw ('{0} printers are new, one was expected' -f $found.Count)
    }
    if ($found[0].Name -ne $Queue.Name) {
        Rename-Printer -Name $found[0].Name -NewName $Queue.Name
    }
    Write-Log ('{0} was added: {1}' -f $Queue.Name, $Queue.Url)
}

$who = New-Object Security.Principal.WindowsPrincipal -ArgumentList ([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $who.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Log 'This must run as administrator.'
    exit 3
}
if (-not (Get-Command Add-Printer).Parameters.ContainsKey('IppURL')) {
    Write-Log 'This Windows is too old: Add-Printer does not know -IppURL.'
    exit 2
}
$failed = 0
foreach ($text in $authorities) {
    try { Add-Authority $text } catch {
        Write-Log ('The authority could not be added: {0}' -f $_.Exception.Message)
        $failed = 1
    }
}
foreach ($queue in $queues) {
    try { Add-Queue $queue } catch {
        Write-Log ('{0} could not be added: {1}' -f $queue.Name, $_.Exception.Message)
        $failed = 1
    }
}
exit $failed
[[- end ]]
