/// Where a connection, or a client with several of them, stands
/// (gRPC "Connectivity Semantics and API").
public enum ConnectivityState: Sendable, Hashable {
  /// Not connected, and not trying to: the next call makes it try.
  case idle
  /// Under way; calls wait.
  case connecting
  /// Calls go out at once.
  case ready
  /// The last attempts failed, and the next one waits for its time: calls fail, unless they wait for
  /// a server (`CallOptions.waitsForReady`).
  case transientFailure
  /// Closed for good.
  case shutdown
}
