"""Keys of Docker's JSON objects, as API 1.50 has them."""

NETWORK_KEYS = """
Name Id Created Scope Driver EnableIPv4 EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom
ConfigOnly Containers Options Labels
"""
CONTAINER_KEYS = """
Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount
Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver Mounts Config
NetworkSettings
"""
STATE_KEYS = """
Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt
"""
SETTINGS_KEYS = """
Bridge SandboxID SandboxKey Ports HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen
SecondaryIPAddresses SecondaryIPv6Addresses EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen
IPAddress IPPrefixLen IPv6Gateway MacAddress Networks
"""
PLACE_KEYS = """
IPAMConfig Links Aliases MacAddress DriverOpts GwPriority NetworkID EndpointID Gateway IPAddress
IPPrefixLen IPv6Gateway GlobalIPv6Address GlobalIPv6PrefixLen DNSNames
"""
HOST_KEYS = """
Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver
VolumesFrom ConsoleSize CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd
IpcMode Cgroup Links OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt
UTSMode UsernsMode ShmSize Runtime Isolation CpuShares Memory NanoCpus CgroupParent BlkioWeight
BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps
CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems Devices
DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap MemorySwappiness OomKillDisable
PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth MaskedPaths ReadonlyPaths
"""
CONFIG_KEYS = """
Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce
Env Cmd Image Volumes WorkingDir Entrypoint OnBuild Labels
"""
ENTRY_KEYS = """
Id Names Image ImageID Command Created Ports Labels State Status HostConfig NetworkSettings Mounts
"""
IMAGE_KEYS = """
Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Os Size
GraphDriver RootFS Metadata
"""
IMAGE_ENTRY_KEYS = """
Containers Created Id Labels ParentId RepoDigests RepoTags SharedSize Size
"""
VOLUME_KEYS = """
CreatedAt Driver Labels Mountpoint Name Options Scope
"""
EMPTY_LISTS = """
Dns DnsOptions DnsSearch BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps
BlkioDeviceReadIOps BlkioDeviceWriteIOps Devices Ulimits
"""
NULLS = """
Binds VolumesFrom CapAdd CapDrop ExtraHosts GroupAdd Links SecurityOpt DeviceCgroupRules
DeviceRequests MemorySwappiness PidsLimit
"""
