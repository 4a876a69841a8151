import GRPC

/// One thing that channelz tells of, by its id and what it is called.
package struct ChannelzReference: Sendable, Hashable {
  package let id: Int64
  package let name: String
}

/// A server as it is now.
package struct ServerReport: Sendable {
  package let reference: ChannelzReference
  package let counters: CallCounters
  /// What it listens on.
  package let listeners: [ChannelzReference]
}

/// A client as it is now.
package struct ChannelReport: Sendable {
  package let reference: ChannelzReference
  package let state: ConnectivityState
  package let counters: CallCounters
  package let subchannels: [ChannelzReference]
}

/// A client's way to one address as it is now.
package struct SubchannelReport: Sendable {
  package let reference: ChannelzReference
  package let state: ConnectivityState
  package let counters: CallCounters
  package let sockets: [ChannelzReference]
}

/// A socket as it is now.
package struct SocketReport: Sendable {
  /// One of its ends.
  package enum Address: Sendable, Hashable {
    /// In network byte order.
    case tcp(ip: [UInt8], port: Int)
    case unix(path: String)
  }

  /// How it is encrypted.
  package struct TLS: Sendable, Hashable {
    /// Such as `TLSv1.3`.
    package let version: String
    /// In DER; empty: the peer has shown none.
    package let remoteCertificate: [UInt8]
  }

  package let reference: ChannelzReference
  package let counters: CallCounters
  /// PINGs that asked whether the peer is still there.
  package let keepalivesSent: Int
  /// Whether streams are made at this end.
  package let isClient: Bool
  package let local: Address?
  package let remote: Address?
  package let tls: TLS?
}
