/// Why no code can be made of a proto file: protoc shows it to whoever called it.
struct GenerationError: Error, Equatable {
  let message: String
  init(_ message: String) { self.message = message }
}
