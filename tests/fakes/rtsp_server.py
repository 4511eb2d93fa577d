"""An RTSP server of GStreamer that plays a file to each client at /clip, or passes on what comes in RTP.

Run it with the system's Python: rtsp_server.py PORT FILE [NAME:PASSWORD]. The last argument locks it. In place of FILE,
`rtp:PORT` is H.264 in RTP that is sent to that local port: all clients see it live.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - the versions must be chosen first

_LIVE = "rtp:"
GRANTED = "viewer, media.factory.access=true, media.factory.construct=true"


def main(port: str, path: str, credentials: str = "") -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    payload = "rtph264pay name=pay0 pt=96 config-interval=1"
    factory.set_launch(f"( {_origin(path)} ! {payload} )")
    factory.set_shared(path.startswith(_LIVE))
    if credentials:
        server.set_auth(_auth(*credentials.split(":")))
        factory.add_role_from_structure(Gst.Structure.new_from_string(GRANTED))
    server.get_mount_points().add_factory("/clip", factory)
    server.attach(None)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    GLib.MainLoop().run()


def _origin(path: str) -> str:
    if not path.startswith(_LIVE):
        return f'filesrc location="{path}" ! qtdemux ! h264parse'
    caps = "application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"
    return f'udpsrc port={path.removeprefix(_LIVE)} buffer-size=2000000 caps="{caps}" ! rtph264depay'


def _auth(name: str, password: str) -> GstRtspServer.RTSPAuth:
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(name, password, token)
    return auth


if __name__ == "__main__":
    main(*sys.argv[1:])
