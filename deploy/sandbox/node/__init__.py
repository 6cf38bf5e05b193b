"""A real node on this machine: kubelet, containerd and runc run the chart in real pods.

`python -m sandbox.node` goes through what happens to an operator in a cluster: it is rolled out,
killed, upgraded, drained, out of memory, cut off by a NetworkPolicy, uninstalled in every order.

All of it lives in an enclosure: namespaces of its own for network, mounts, processes and host name,
which end with their first process whatever happens, and with them everything inside. What a
namespace does not hold, the cgroups of the pods, is removed by a process that outlives all others.
"""
