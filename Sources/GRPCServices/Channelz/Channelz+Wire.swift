import GRPC
import GRPCTransport
import WellKnownTypes

extension GrpcChannelzV1.ServerRef {
  init(_ reference: ChannelzReference) { self.init(serverID: reference.id, name: reference.name) }
}

extension GrpcChannelzV1.SocketRef {
  init(_ reference: ChannelzReference) { self.init(socketID: reference.id, name: reference.name) }
}

extension GrpcChannelzV1.ChannelRef {
  init(_ reference: ChannelzReference) { self.init(channelID: reference.id, name: reference.name) }
}

extension GrpcChannelzV1.SubchannelRef {
  init(_ reference: ChannelzReference) {
    self.init(subchannelID: reference.id, name: reference.name)
  }
}

extension GrpcChannelzV1.Server {
  init(_ report: ServerReport) {
    self.init(
      ref: .init(report.reference),
      data: .init(
        callsStarted: Int64(report.counters.started),
        callsSucceeded: Int64(report.counters.succeeded),
        callsFailed: Int64(report.counters.failed),
        lastCallStartedTimestamp: .init(report.counters.lastStarted)),
      listenSocket: report.listeners.map(GrpcChannelzV1.SocketRef.init))
  }
}

extension GrpcChannelzV1.ChannelData {
  init(_ reference: ChannelzReference, _ state: ConnectivityState, _ counters: CallCounters) {
    self.init(
      state: .init(state: .init(state)), target: reference.name,
      callsStarted: Int64(counters.started), callsSucceeded: Int64(counters.succeeded),
      callsFailed: Int64(counters.failed), lastCallStartedTimestamp: .init(counters.lastStarted),
      maxConnectionsPerSubchannel: 1)
  }
}

extension GrpcChannelzV1.ChannelConnectivityState.State {
  init(_ state: ConnectivityState) {
    switch state {
    case .idle: self = .idle
    case .connecting: self = .connecting
    case .ready: self = .ready
    case .transientFailure: self = .transientFailure
    case .shutdown: self = .shutdown
    }
  }
}

extension GrpcChannelzV1.Channel {
  init(_ report: ChannelReport) {
    self.init(
      ref: .init(report.reference), data: .init(report.reference, report.state, report.counters),
      subchannelRef: report.subchannels.map(GrpcChannelzV1.SubchannelRef.init))
  }
}

extension GrpcChannelzV1.Subchannel {
  init(_ report: SubchannelReport) {
    self.init(
      ref: .init(report.reference), data: .init(report.reference, report.state, report.counters),
      socketRef: report.sockets.map(GrpcChannelzV1.SocketRef.init))
  }
}

extension GrpcChannelzV1.Socket {
  init(_ report: SocketReport) {
    let counters = report.counters
    let lastStream = GoogleProtobuf.Timestamp(counters.lastStarted)
    self.init(
      ref: .init(report.reference),
      data: .init(
        streamsStarted: Int64(counters.started), streamsSucceeded: Int64(counters.succeeded),
        streamsFailed: Int64(counters.failed), messagesSent: Int64(counters.messagesSent),
        messagesReceived: Int64(counters.messagesReceived),
        keepAlivesSent: Int64(report.keepalivesSent),
        lastLocalStreamCreatedTimestamp: report.isClient ? lastStream : nil,
        lastRemoteStreamCreatedTimestamp: report.isClient ? nil : lastStream,
        lastMessageSentTimestamp: .init(counters.lastSent),
        lastMessageReceivedTimestamp: .init(counters.lastReceived)),
      local: report.local.map(GrpcChannelzV1.Address.init),
      remote: report.remote.map(GrpcChannelzV1.Address.init),
      security: report.tls.map { tls in
        .init(
          model: .tls(
            .init(
              cipherSuite: .otherName(tls.version), remoteCertificate: tls.remoteCertificate)))
      })
  }
}

extension GrpcChannelzV1.Address {
  init(_ address: SocketReport.Address) {
    switch address {
    case .tcp(let ip, let port):
      self.init(
        address: .tcpipAddress(.init(ipAddress: ip, port: Int32(truncatingIfNeeded: port))))
    case .unix(let path):
      self.init(address: .udsAddress(.init(filename: path)))
    }
  }
}

extension GoogleProtobuf.Timestamp {
  /// The time of day at an instant, as far as the two clocks agree now; nil for none.
  fileprivate init?(_ instant: ContinuousClock.Instant?) {
    guard let instant else { return nil }
    self.init(nanosecondsSinceEpoch: WallClock.nanoseconds(at: instant))
  }
}
