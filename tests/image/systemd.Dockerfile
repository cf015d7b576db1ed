# A machine with systemd and the installation of the image, as deploy/systemd/install leaves it but for the unit, which
# test_systemd.py mounts.
ARG BASE=localhost/python:3.11-slim-bookworm
ARG IMAGE=localhost/steadfast:check
# hadolint ignore=DL3006
FROM ${IMAGE} AS image
# hadolint ignore=DL3006
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dbus procps systemd systemd-sysv \
    && rm -rf /var/lib/apt/lists/* \
    && systemctl mask systemd-udevd.service systemd-udev-trigger.service console-getty.service getty.target
COPY --from=image /opt/steadfast /opt/steadfast
RUN useradd --system --user-group --home-dir /var/lib/steadfast --no-create-home --shell /usr/sbin/nologin steadfast \
    && install -d -o root -g steadfast -m 0750 /etc/steadfast
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
