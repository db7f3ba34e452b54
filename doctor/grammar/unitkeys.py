"""Names of settings by section, to tell a setting in the wrong section or a slip of the pen from a new one.

After `systemd --dump-configuration-items` of systemd 252, with what later releases added. A name that is in
no list and close to none is never called wrong: it may come from a release after this file.
"""

from __future__ import annotations

from functools import cache

_UNIT = """
Description Documentation SourcePath Requires Requisite Wants BindsTo Upholds Conflicts Before After OnSuccess OnFailure
PropagatesReloadTo ReloadPropagatedFrom PropagatesStopTo StopPropagatedFrom PartOf JoinsNamespaceOf RequiresMountsFor
WantsMountsFor StopWhenUnneeded RefuseManualStart RefuseManualStop AllowIsolate DefaultDependencies OnSuccessJobMode
OnFailureJobMode OnFailureIsolate IgnoreOnIsolate JobTimeoutSec JobRunningTimeoutSec JobTimeoutAction
JobTimeoutRebootArgument StartLimitIntervalSec StartLimitInterval StartLimitBurst StartLimitAction FailureAction
SuccessAction FailureActionExitStatus SuccessActionExitStatus RebootArgument CollectMode SurviveFinalKillSignal
BindTo PropagateReloadTo PropagateReloadFrom RequiresOverridable RequisiteOverridable
"""

_INSTALL = "Alias WantedBy RequiredBy UpheldBy Also DefaultInstance"

_SERVICE = """
PIDFile ExecCondition ExecStartPre ExecStart ExecStartPost ExecReload ExecReloadPost ExecStop ExecStopPost RestartSec
RestartSteps RestartMaxDelaySec RestartMode TimeoutSec TimeoutStartSec TimeoutStopSec TimeoutAbortSec
TimeoutStartFailureMode TimeoutStopFailureMode RuntimeMaxSec RuntimeRandomizedExtraSec WatchdogSec StartLimitInterval
StartLimitBurst StartLimitAction FailureAction RebootArgument Type ExitType Restart PermissionsStartOnly
RootDirectoryStartOnly RemainAfterExit GuessMainPID RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus
NonBlocking BusName BusPolicy FileDescriptorStoreMax FileDescriptorStorePreserve NotifyAccess Sockets OpenFile
ReloadSignal USBFunctionDescriptors USBFunctionStrings OOMPolicy RefreshOnReload
"""

_EXEC = """
WorkingDirectory RootDirectory RootImage RootImageOptions RootEphemeral RootHash RootHashSignature RootVerity
ExtensionDirectories ExtensionImages MountImages User Group SupplementaryGroups SetLoginEnvironment Nice OOMScoreAdjust
CoredumpFilter IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork
CPUAffinity NUMAPolicy NUMAMask UMask Environment EnvironmentFile PassEnvironment UnsetEnvironment DynamicUser RemoveIPC
StandardInput StandardOutput StandardError StandardInputText StandardInputData TTYPath TTYReset TTYVHangup
TTYVTDisallocate TTYRows TTYColumns SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix LogLevelMax
LogRateLimitIntervalSec LogRateLimitBurst LogExtraFields LogFilterPatterns SecureBits CapabilityBoundingSet
AmbientCapabilities TimerSlackNSec NoNewPrivileges KeyringMode ProtectProc ProcSubset SystemCallFilter
SystemCallArchitectures SystemCallErrorNumber SystemCallLog MemoryDenyWriteExecute MemoryKSM RestrictNamespaces
DelegateNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies LockPersonality RestrictFileSystems
LimitCPU LimitFSIZE LimitDATA LimitSTACK LimitCORE LimitRSS LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK LimitLOCKS
LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME ReadWriteDirectories ReadOnlyDirectories
InaccessibleDirectories ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths ExecSearchPath BindPaths
BindReadOnlyPaths TemporaryFileSystem PrivateTmp PrivateDevices ProtectKernelTunables ProtectKernelModules
ProtectKernelLogs ProtectClock ProtectControlGroups NetworkNamespacePath IPCNamespacePath LogNamespace PrivateNetwork
PrivateUsers PrivateMounts PrivateIPC PrivatePIDs PrivateBPF ProtectSystem ProtectHome MountFlags MountAPIVFS
Personality RuntimeDirectoryPreserve RuntimeDirectoryMode RuntimeDirectory StateDirectoryMode StateDirectory
StateDirectoryQuota CacheDirectoryMode CacheDirectory CacheDirectoryQuota LogsDirectoryMode LogsDirectory
LogsDirectoryQuota ConfigurationDirectoryMode ConfigurationDirectory SetCredential SetCredentialEncrypted
LoadCredential LoadCredentialEncrypted ImportCredential TimeoutCleanSec PAMName IgnoreSIGPIPE UtmpIdentifier UtmpMode
SELinuxContext AppArmorProfile SmackProcessLabel ProtectHostname Slice AllowedCPUs StartupAllowedCPUs
AllowedMemoryNodes StartupAllowedMemoryNodes CPUAccounting CPUWeight StartupCPUWeight CPUShares StartupCPUShares
CPUQuota CPUQuotaPeriodSec MemoryAccounting MemoryMin DefaultMemoryMin DefaultMemoryLow DefaultStartupMemoryLow
MemoryLow StartupMemoryLow MemoryHigh StartupMemoryHigh MemoryMax StartupMemoryMax MemorySwapMax StartupMemorySwapMax
MemoryZSwapMax StartupMemoryZSwapMax MemoryZSwapWriteback MemoryLimit DeviceAllow DevicePolicy IOAccounting IOWeight
StartupIOWeight IODeviceWeight IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax
IODeviceLatencyTargetSec BlockIOAccounting BlockIOWeight StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth
BlockIOWriteBandwidth TasksAccounting TasksMax Delegate DelegateSubgroup DisableControllers IPAccounting IPAddressAllow
IPAddressDeny IPIngressFilterPath IPEgressFilterPath ManagedOOMSwap ManagedOOMMemoryPressure
ManagedOOMMemoryPressureLimit ManagedOOMMemoryPressureDurationSec ManagedOOMPreference BPFProgram SocketBindAllow
SocketBindDeny RestrictNetworkInterfaces MemoryPressureWatch MemoryPressureThresholdSec NFTSet CoredumpReceive
SendSIGKILL SendSIGHUP KillMode KillSignal RestartKillSignal FinalKillSignal WatchdogSignal
"""

_SOCKET = """
ListenStream ListenDatagram ListenSequentialPacket ListenFIFO ListenNetlink ListenSpecial ListenMessageQueue
ListenUSBFunction SocketProtocol BindIPv6Only Backlog BindToDevice ExecStartPre ExecStartPost ExecStopPre ExecStopPost
TimeoutSec SocketUser SocketGroup SocketMode DirectoryMode Accept FlushPending Writable MaxConnections
MaxConnectionsPerSource KeepAlive KeepAliveTimeSec KeepAliveIntervalSec KeepAliveProbes DeferAcceptSec NoDelay Priority
ReceiveBuffer SendBuffer IPTOS IPTTL Mark PipeSize FreeBind Transparent Broadcast PassCredentials PassSecurity
PassPacketInfo PassPIDFD PassFileDescriptorsToExec AcceptFileDescriptors Timestamping TCPCongestion ReusePort
MessageQueueMaxMessages MessageQueueMessageSize RemoveOnStop Symlinks FileDescriptorName Service TriggerLimitIntervalSec
TriggerLimitBurst PollLimitIntervalSec PollLimitBurst DeferTrigger DeferTriggerMaxSec SmackLabel SmackLabelIPIn
SmackLabelIPOut SELinuxContextFromNet XAttrEntryPoint XAttrListen XAttrAccept
"""

OTHER_SECTIONS = frozenset(("Timer", "Mount", "Automount", "Swap", "Path", "Slice", "Scope"))
"""Sections of other unit types: unknown in a service or socket, but no slip of the pen."""


@cache
def keys_of(section: str) -> frozenset[str]:
    """Settings of [Unit], [Install], [Service] or [Socket]; empty for any other section."""
    match section:
        case "Unit":
            return frozenset(_UNIT.split())
        case "Install":
            return frozenset(_INSTALL.split())
        case "Service":
            return frozenset((_SERVICE + _EXEC).split())
        case "Socket":
            return frozenset((_SOCKET + _EXEC).split())
    return frozenset()


def home_of(key: str, sections: tuple[str, ...]) -> str | None:
    """The first of the sections that has the setting; Condition… and Assert… belong to [Unit]."""
    if key.startswith(("Condition", "Assert")):
        return "Unit" if "Unit" in sections else None
    return next((section for section in sections if key in keys_of(section)), None)


def meant(key: str, section: str) -> str | None:
    """The setting of the section that a misspelt key stands for; None when nothing is close enough."""
    by_lower = {name.lower(): name for name in keys_of(section)}
    if key.lower() in by_lower:
        return by_lower[key.lower()]
    from difflib import get_close_matches

    close = get_close_matches(key.lower(), by_lower, n=1, cutoff=0.9)
    return by_lower[close[0]] if close else None
