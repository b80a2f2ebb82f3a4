"""Limits that both HTTP servers keep."""

APPLICATION = "cofactor.serving.processes.worker:create"
BACKLOG = 2048  # connections that wait to be accepted
MAX_CONNECTIONS = 8192  # of each worker
MAX_HEAD = 1 << 15  # bytes of the request line and all headers
IDLE = 15  # seconds until the headers of a request are complete, and between two requests of a connection
ACCEPTED_WITHIN = 0.3  # seconds in which connections that are established when the service stops are taken up
