"""A real node on this machine: kubelet, containerd and runc run the chart in real pods.

`python -m sandbox.node` plays what happens to an operator in a cluster: it is rolled out, killed,
upgraded, drained, out of memory, cut off by a NetworkPolicy, uninstalled in every order.

Everything runs in an enclosure: separate namespaces for network, mounts, processes and host name,
which end with their first process whatever happens, together with everything inside. What
namespaces do not contain, the cgroups of the pods, is removed by a process that outlives all
others.
"""
