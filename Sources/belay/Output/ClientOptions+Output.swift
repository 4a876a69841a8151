import BelayAPI

extension ClientOptions {
  /// Writes one result in the format asked for.
  func write(_ message: some Resource, text: () -> String) {
    switch output {
    case .text: print(text())
    case .json: print(jsonText(message))
    case .name: print(message.name)
    }
  }

  /// Writes a listing: JSON as one message a line, so that a script can read it as it comes.
  func write(_ messages: [some Resource], empty: String, text: () -> String) {
    switch output {
    case .text: print(messages.isEmpty ? empty : text())
    case .json: for message in messages { print(jsonText(message)) }
    case .name: for message in messages { print(message.name) }
    }
  }
}
